// Reads lines of JSON {"kind", "text"} and answers each as the libraries of the targets read it:
// "yaml": the documents as kubectl and the API server decode them (JSON values in a list),
// "image": what distribution/reference normalises a reference to.
package main

import (
	"bufio"
	_ "crypto/sha256" // so that digests of these kinds are known
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigs "sigs.k8s.io/yaml"
)

type question struct{ Kind, Text string }

type answer struct {
	Values []json.RawMessage `json:"values,omitempty"`
	Server json.RawMessage   `json:"server,omitempty"`
	Host   string            `json:"host,omitempty"`
	Path   string            `json:"path,omitempty"`
	Tag    string            `json:"tag,omitempty"`
	Digest string            `json:"digest,omitempty"`
	Error  string            `json:"error,omitempty"`
}

func documents(text string) answer {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	found := answer{Values: []json.RawMessage{}}
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return answer{Error: err.Error()}
		}
		if trimmed := strings.TrimSpace(string(value)); trimmed != "" && trimmed != "null" {
			found.Values = append(found.Values, value)
		}
	}
	// One document as the server reads the body of a request.
	if server, err := sigs.YAMLToJSON([]byte(text)); err == nil {
		found.Server = server
	}
	return found
}

func image(text string) answer {
	named, err := reference.ParseDockerRef(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	found := answer{Host: reference.Domain(named), Path: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		found.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		found.Digest = digested.Digest().String()
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 1<<20), 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		found := answer{}
		if asked.Kind == "yaml" {
			found = documents(asked.Text)
		} else {
			found = image(asked.Text)
		}
		line, err := json.Marshal(found)
		if err != nil {
			panic(err)
		}
		out.Write(append(line, '\n'))
	}
}
