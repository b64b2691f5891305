// Checks record.leaf, record.tlog-proof and manifest.c2pa in this folder with the code of Go's checksum database.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("NOT PROVEN: ", err)
	}
	return value
}

func main() {
	key := must(note.NewVerifier(strings.TrimSpace(string(must(os.ReadFile("log.vkey"))))))
	head, checkpoint, _ := strings.Cut(string(must(os.ReadFile("record.tlog-proof"))), "\n\n")
	signed := must(note.Open([]byte(checkpoint), note.VerifierList(key)))
	var origin, root string
	var index, size int64
	must(fmt.Sscanf(signed.Text, "%s\n%d\n%s\n", &origin, &size, &root))
	lines := strings.Split(head, "\n")
	if origin != key.Name() || lines[0] != "c2sp.org/tlog-proof@v1" {
		log.Fatal("NOT PROVEN: another log, or not a proof file")
	}
	must(fmt.Sscanf(lines[1], "index %d", &index))
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		proof = append(proof, must(tlog.ParseHash(line)))
	}
	leaf := must(os.ReadFile("record.leaf"))
	must(0, tlog.CheckRecord(proof, size, must(tlog.ParseHash(root)), index, tlog.RecordHash(leaf)))
	if manifest, err := os.ReadFile("manifest.c2pa"); err == nil {
		// The record holds the hash as it is, as a CBOR byte string of 32 bytes.
		if hash := sha256.Sum256(manifest); !bytes.Contains(leaf, append([]byte{0x58, 32}, hash[:]...)) {
			log.Fatal("NOT PROVEN: manifest.c2pa is not the manifest of the record")
		}
	}
	fmt.Printf("record %d of the log %s with %d entries: PROVEN\n", index, origin, size)
}
