// Checks logs with golang.org/x/mod/sumdb: notes and keys, roots, proofs, tiles. One JSON object a line in, one out.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type request struct {
	Op string

	// open
	Note string
	Keys []string

	// leaf, append
	Record []byte
	Leaves []tlog.Hash

	// root, record, tree, tiles
	Size    int64
	Root    tlog.Hash
	Index   int64
	Leaf    tlog.Hash
	OldSize int64
	OldRoot tlog.Hash
	Hashes  []tlog.Hash

	// tile, tiles
	Level int
	Width int
	Data  []byte
	Tiles map[string][]byte
}

type answer struct {
	Error      string      `json:"error,omitempty"`
	Text       string      `json:"text,omitempty"`
	Verified   []string    `json:"verified,omitempty"`
	Unverified []string    `json:"unverified,omitempty"`
	Hash       *tlog.Hash  `json:"hash,omitempty"`
	Hashes     []tlog.Hash `json:"hashes,omitempty"`
	Path       string      `json:"path,omitempty"`
	Data       []byte      `json:"data,omitempty"`
}

// The log that `append` makes, as Go stores it.
type log struct {
	size   int64
	hashes []tlog.Hash
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	var own log
	for lines.Scan() {
		var asked request
		given, err := answer{}, json.Unmarshal(lines.Bytes(), &asked)
		if err == nil {
			given, err = own.answer(&asked)
		}
		if err != nil {
			given = answer{Error: err.Error()}
		}
		if encoder.Encode(given) != nil || out.Flush() != nil {
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (own *log) answer(asked *request) (answer, error) {
	switch asked.Op {
	case "open":
		return open(asked.Note, asked.Keys)
	case "leaf":
		hash := tlog.RecordHash(asked.Record)
		return answer{Hash: &hash}, nil
	case "append":
		return answer{}, own.append(asked.Leaves)
	case "root":
		root, err := tlog.TreeHash(asked.Size, own)
		return answer{Hash: &root}, err
	case "record":
		if err := tlog.CheckRecord(asked.Hashes, asked.Size, asked.Root, asked.Index, asked.Leaf); err != nil {
			return answer{}, err
		}
		proof, err := tlog.ProveRecord(asked.Size, asked.Index, own)
		return answer{}, compare(asked.Hashes, proof, err)
	case "tree":
		if err := tlog.CheckTree(asked.Hashes, asked.Size, asked.Root, asked.OldSize, asked.OldRoot); err != nil {
			return answer{}, err
		}
		proof, err := tlog.ProveTree(asked.Size, asked.OldSize, own)
		return answer{}, compare(asked.Hashes, proof, err)
	case "checkRecord":
		return answer{}, tlog.CheckRecord(asked.Hashes, asked.Size, asked.Root, asked.Index, asked.Leaf)
	case "checkTree":
		return answer{}, tlog.CheckTree(asked.Hashes, asked.Size, asked.Root, asked.OldSize, asked.OldRoot)
	case "path":
		tile := tlog.Tile{H: tileHeight, L: asked.Level, N: asked.Index, W: asked.Width}
		return answer{Path: path(tile)}, nil
	case "tile":
		tile := tlog.Tile{H: tileHeight, L: asked.Level, N: asked.Index, W: asked.Width}
		data, err := tlog.ReadTileData(tile, own)
		return answer{Path: path(tile), Data: data}, err
	case "tiles":
		return readTiles(asked)
	}
	return answer{}, fmt.Errorf("unknown op %q", asked.Op)
}

// Opens a note with verifier keys.
func open(text string, keys []string) (answer, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return answer{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return answer{}, err
	}
	return answer{Text: opened.Text, Verified: names(opened.Sigs), Unverified: names(opened.UnverifiedSigs)}, nil
}

func names(signatures []note.Signature) []string {
	var names []string
	for _, signature := range signatures {
		names = append(names, fmt.Sprintf("%s+%08x", signature.Name, signature.Hash))
	}
	return names
}

func (own *log) append(leaves []tlog.Hash) error {
	for _, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(own.size, leaf, own)
		if err != nil {
			return err
		}
		own.hashes = append(own.hashes, hashes...)
		own.size++
	}
	return nil
}

// ReadHashes makes the log a tlog.HashReader.
func (own *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(own.hashes)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		hashes[i] = own.hashes[index]
	}
	return hashes, nil
}

// Says whether a proof that is right is also the one that Go makes.
func compare(given, made []tlog.Hash, err error) error {
	if err != nil {
		return err
	}
	if len(given) != len(made) {
		return fmt.Errorf("the proof has %d hashes, and Go's has %d", len(given), len(made))
	}
	for i := range made {
		if given[i] != made[i] {
			return fmt.Errorf("hash %d of the proof is %v, and Go's is %v", i, given[i], made[i])
		}
	}
	return nil
}

// Reads all leaves of a log, and the roots of its full tiles, from tiles that are checked against the root.
func readTiles(asked *request) (answer, error) {
	reader := tlog.TileHashReader(tlog.Tree{N: asked.Size, Hash: asked.Root}, served(asked.Tiles))
	var indexes []int64
	for level, count := 0, asked.Size; count > 0; level, count = level+tileHeight, count>>tileHeight {
		for n := int64(0); n < count; n++ {
			indexes = append(indexes, tlog.StoredHashIndex(level, n))
		}
	}
	hashes, err := reader.ReadHashes(indexes)
	return answer{Hashes: hashes}, err
}

// Tiles by their paths as tlog-tiles has them.
type served map[string][]byte

func (tiles served) Height() int { return tileHeight }

func (tiles served) SaveTiles([]tlog.Tile, [][]byte) {}

func (tiles served) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		bytes, ok := tiles[path(tile)]
		if !ok {
			return nil, errors.New("no tile " + path(tile))
		}
		data[i] = bytes
	}
	return data, nil
}

// In Go's own paths the height comes first.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
}
