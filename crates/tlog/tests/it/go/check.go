// Check reads a log folder laid out as C2SP tlog-tiles with Go's reference code and verifies both checkpoints,
// their consistency, and the listed entries: once with proofs Go makes from our tiles, once with our own proofs.
//
// Usage: check FOLDER VERIFIER-KEY
package main

import (
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

func openCheckpoint(message []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(message, verifiers)
	check(err)
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

// entry reads one leaf from its entry bundle.
func entry(tree tlog.Tree, index int64) []byte {
	tile := tlog.Tile{H: 8, L: 0, N: index / 256, W: 256}
	if left := tree.N - tile.N*256; left < 256 {
		tile.W = int(left)
	}
	bundle := read(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1))
	for skip := index % 256; skip > 0; skip-- {
		bundle = bundle[2+int(binary.BigEndian.Uint16(bundle)):]
	}
	return bundle[2 : 2+int(binary.BigEndian.Uint16(bundle))]
}

func main() {
	folder = os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	verifiers := note.VerifierList(verifier)
	old := openCheckpoint(read("checkpoint.old"), verifiers)
	tree := openCheckpoint(read("checkpoint"), verifiers)
	reader := tlog.TileHashReader(tree, tiles{})

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
		hash := tlog.RecordHash(entry(tree, index))
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
