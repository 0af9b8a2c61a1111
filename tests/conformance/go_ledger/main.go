// Command go_ledger reads notes and proofs of our making with the libraries that the
// transparency ecosystem uses, and makes some of its own for us to read.
//
// In: one JSON object on standard input. Out: one JSON object; exit 1 on any disagreement.
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

type inclusion struct {
	Index, Size uint64
	LeafHash    []byte
	Root        []byte
	Proof       [][]byte
}

type consistency struct {
	OldSize, NewSize uint64
	OldRoot, NewRoot []byte
	Proof            [][]byte
}

type input struct {
	Note        string
	VerifierKey string
	Leaves      [][]byte
	Roots       [][]byte
	Inclusion   []inclusion
	Consistency []consistency
	Ledger      *ledger
}

type output struct {
	Text        string
	Note        string
	VerifierKey string
	Checked     int
	Made        [][][]byte
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return err
	}
	if in.Ledger != nil {
		made, err := checkLedger(*in.Ledger)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(output{Made: made, Checked: len(made)})
	}
	text, err := openNote(in)
	if err != nil {
		return err
	}
	if err := checkRoots(in); err != nil {
		return err
	}
	for _, p := range in.Inclusion {
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Size, p.LeafHash, p.Proof, p.Root)
		if err != nil {
			return fmt.Errorf("inclusion %d of %d: %w", p.Index, p.Size, err)
		}
	}
	for _, p := range in.Consistency {
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, p.OldSize, p.NewSize, p.Proof, p.OldRoot, p.NewRoot)
		if err != nil {
			return fmt.Errorf("consistency %d to %d: %w", p.OldSize, p.NewSize, err)
		}
	}
	made, key, err := signNote(text)
	if err != nil {
		return err
	}
	checked := len(in.Roots) + len(in.Inclusion) + len(in.Consistency)
	return json.NewEncoder(os.Stdout).Encode(output{Text: text, Note: made, VerifierKey: key, Checked: checked})
}

// openNote verifies our note as any client of a checksum database would.
func openNote(in input) (string, error) {
	verifier, err := note.NewVerifier(in.VerifierKey)
	if err != nil {
		return "", err
	}
	opened, err := note.Open([]byte(in.Note), note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	return opened.Text, nil
}

// checkRoots grows a compact range over our leaves and compares the root at every size.
func checkRoots(in input) error {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	grown := factory.NewEmptyRange(0)
	for i, leaf := range in.Leaves {
		if err := grown.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return err
		}
		root, err := grown.GetRootHash(nil)
		if err != nil {
			return err
		}
		if string(root) != string(in.Roots[i]) {
			return fmt.Errorf("the root of %d leaves differs", i+1)
		}
	}
	return nil
}

// signNote signs the same text with a fresh key under the same name, for us to open.
func signNote(text string) (string, string, error) {
	name, _, _ := strings.Cut(text, "\n")
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return "", "", err
	}
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	return string(signed), public, err
}
