// Check reads a log folder laid out as C2SP tlog-tiles with Go's reference code and verifies both checkpoints with
// their cosignatures, their consistency, every entry against the tiles, and the listed entries' inclusion: once with
// proofs Go makes from our tiles, once with our own proofs.
//
// Usage: check FOLDER LOG-KEY WITNESS-KEY...
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var folder string

// tiles maps the checksum database's tile paths (tile/8/L/N) to those of tlog-tiles (tile/L/N).
type tiles struct{}

func (tiles) Height() int { return 8 }

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(folder, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, name))
	check(err)
	return data
}

// cosigner verifies C2SP cosignatures: a time, then Ed25519 over two header lines and the note's text.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string { return c.name }

func (c cosigner) KeyHash() uint32 { return c.hash }

func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func newCosigner(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	check(err)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	if key[0] != 4 || len(key) != 1+ed25519.PublicKeySize {
		log.Fatalf("not a witness's key: %q", vkey)
	}
	return cosigner{parts[0], uint32(hash), key[1:]}
}

// signers is how many keys must have signed a checkpoint; one more line, of a stranger, is ignored.
var signers int

func openCheckpoint(message []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(message, verifiers)
	check(err)
	if len(opened.Sigs) != signers || len(opened.UnverifiedSigs) != 1 {
		log.Fatalf("%d signatures verified and %d did not", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func parseHashes(lines []string) (hashes []tlog.Hash) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err)
		hashes = append(hashes, hash)
	}
	return hashes
}

// entries reads the leaves of one entry bundle.
func entries(tree tlog.Tree, number int64) (leaves [][]byte) {
	tile := tlog.Tile{H: 8, L: 0, N: number, W: 256}
	if left := tree.N - tile.N*256; left < 256 {
		tile.W = int(left)
	}
	bundle := read(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	for len(bundle) > 0 {
		length := 2 + int(binary.BigEndian.Uint16(bundle))
		leaves = append(leaves, bundle[2:length])
		bundle = bundle[length:]
	}
	if len(leaves) != tile.W {
		log.Fatalf("%s holds %d entries", tile.Path(), len(leaves))
	}
	return leaves
}

// checkEntries compares every entry with its hash in the tiles, which Go's reader authenticates by the root.
func checkEntries(tree tlog.Tree, reader tlog.HashReader) {
	for number := int64(0); number*256 < tree.N; number++ {
		leaves := entries(tree, number)
		var indexes []int64
		for i := range leaves {
			indexes = append(indexes, tlog.StoredHashIndex(0, number*256+int64(i)))
		}
		hashes, err := reader.ReadHashes(indexes)
		check(err)
		for i, leaf := range leaves {
			if tlog.RecordHash(leaf) != hashes[i] {
				log.Fatalf("entry %d is not the one in the tile", number*256+int64(i))
			}
		}
	}
}

func main() {
	folder = os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	all := []note.Verifier{verifier}
	for _, vkey := range os.Args[3:] {
		all = append(all, newCosigner(vkey))
	}
	signers = len(all)
	verifiers := note.VerifierList(all...)
	old := openCheckpoint(read("checkpoint.old"), verifiers)
	tree := openCheckpoint(read("checkpoint"), verifiers)
	reader := tlog.TileHashReader(tree, tiles{})
	checkEntries(tree, reader)

	if old.N > 0 {
		theirs, err := tlog.ProveTree(tree.N, old.N, reader)
		check(err)
		check(tlog.CheckTree(theirs, tree.N, tree.Hash, old.N, old.Hash))
		ours := parseHashes(strings.Fields(string(read("consistency"))))
		check(tlog.CheckTree(ours, tree.N, tree.Hash, old.N, old.Hash))
	}
	for _, text := range strings.Fields(string(read("indexes"))) {
		index, err := strconv.ParseInt(text, 10, 64)
		check(err)
		hash := tlog.RecordHash(entries(tree, index/256)[index%256])
		theirs, err := tlog.ProveRecord(tree.N, index, reader)
		check(err)
		check(tlog.CheckRecord(theirs, tree.N, tree.Hash, index, hash))

		head, checkpoint, _ := strings.Cut(string(read(text+".tlog-proof")), "\n\n")
		lines := strings.Split(head, "\n")
		if lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != "index "+text {
			log.Fatalf("bad proof file: %q", lines[:2])
		}
		proven := openCheckpoint([]byte(checkpoint), verifiers)
		check(tlog.CheckRecord(parseHashes(lines[2:]), proven.N, proven.Hash, index, hash))
	}
	fmt.Println("ok")
}
