// Checks one record of a log that is served over HTTP, with the code of Go's checksum database and nothing of ours.
//
// usage: follow ADDRESS KEY INDEX LEAF
//
// ADDRESS is that of the log's files (C2SP tlog-tiles), KEY its verifier key, INDEX the record's number, LEAF the file
// with the record's bytes. Every tile is held against the signed root before it is believed.
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
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

func get(address string) ([]byte, error) {
	answer, err := http.Get(address)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

type tiles struct{ address string }

func (t tiles) Height() int { return 8 }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// Go writes the height into the path, C2SP does not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := get(t.address + "/" + path)
		if err != nil {
			return nil, err
		}
		found = append(found, bytes)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func main() {
	address := os.Args[1]
	key := must(note.NewVerifier(os.Args[2]))
	index := must(strconv.ParseInt(os.Args[3], 10, 64))
	leaf := must(os.ReadFile(os.Args[4]))
	signed := must(note.Open(must(get(address+"/checkpoint")), note.VerifierList(key)))
	var origin, root string
	var size int64
	must(fmt.Sscanf(signed.Text, "%s\n%d\n%s\n", &origin, &size, &root))
	tree := tlog.Tree{N: size}
	if copy(tree.Hash[:], must(base64.StdEncoding.DecodeString(root))) != tlog.HashSize {
		log.Fatal("NOT PROVEN: the root is no hash")
	}
	reader := tlog.TileHashReader(tree, tiles{address})
	proof := must(tlog.ProveRecord(size, index, reader))
	if err := tlog.CheckRecord(proof, size, tree.Hash, index, tlog.RecordHash(leaf)); err != nil {
		log.Fatal("NOT PROVEN: ", err)
	}
	fmt.Println("PROVEN in", origin, "of", size)
}
