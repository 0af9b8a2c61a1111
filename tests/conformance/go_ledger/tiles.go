package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ledger is what our HTTP routes and `counterfoil prove` hand out of one log.
type ledger struct {
	VerifierKeys []string // the lines of receipt.pub under the log's name
	Checkpoint   string
	Tiles        map[string][]byte // "level/index/width"
	Leaves       [][]byte
	ProofFiles   []string
}

// checkLedger reads a log by its tiles, as any client of tlog-tiles would, and every proof file;
// it returns the proofs that Go's own tlog makes of those tiles.
func checkLedger(in ledger) ([][][]byte, error) {
	size, root, err := openCheckpoint(in.VerifierKeys, in.Checkpoint)
	if err != nil {
		return nil, err
	}
	tree := tlog.Tree{N: size, Hash: tlog.Hash(root)}
	reader := tlog.TileHashReader(tree, &tiles{in.Tiles})
	made := make([][][]byte, 0, len(in.Leaves))
	for index, leaf := range in.Leaves {
		path, err := tlog.ProveRecord(size, int64(index), reader)
		if err != nil {
			return nil, fmt.Errorf("entry %d by tiles: %w", index, err)
		}
		if err := tlog.CheckRecord(path, size, tree.Hash, int64(index), tlog.RecordHash(leaf)); err != nil {
			return nil, fmt.Errorf("entry %d: %w", index, err)
		}
		steps := make([][]byte, 0, len(path))
		for _, step := range path {
			steps = append(steps, append([]byte(nil), step[:]...))
		}
		made = append(made, steps)
	}
	for _, file := range in.ProofFiles {
		if err := checkProofFile(in.VerifierKeys, file); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// openCheckpoint verifies a note by any of the keys: the size and root that it signs.
func openCheckpoint(keys []string, text string) (int64, [32]byte, error) {
	var root [32]byte
	verifiers := make([]note.Verifier, 0, len(keys))
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return 0, root, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, root, err
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	copy(root[:], hash)
	return size, root, err
}

// checkProofFile reads the C2SP tlog-proof in a file of `counterfoil prove`.
func checkProofFile(keys []string, file string) error {
	var value struct{ Leaf, Proof string }
	if err := json.Unmarshal([]byte(file), &value); err != nil {
		return err
	}
	head, checkpoint, _ := strings.Cut(value.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("no tlog-proof: %s", lines[0])
	}
	index, err := strconv.ParseUint(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	path := make([][]byte, 0, len(lines))
	for _, line := range lines[2:] {
		step, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		path = append(path, step)
	}
	size, root, err := openCheckpoint(keys, checkpoint)
	if err != nil {
		return err
	}
	hasher := rfc6962.DefaultHasher
	return proof.VerifyInclusion(hasher, index, uint64(size), hasher.HashLeaf([]byte(value.Leaf)), path, root[:])
}

// tiles hands the fetched tiles to tlog, which holds each to the signed root.
type tiles struct{ fetched map[string][]byte }

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, 0, len(wanted))
	for _, tile := range wanted {
		name := fmt.Sprintf("%d/%d/%d", tile.L, tile.N, tile.W)
		data, there := t.fetched[name]
		if !there {
			return nil, fmt.Errorf("there is no tile %s", name)
		}
		found = append(found, data)
	}
	return found, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}
