package main

import (
	"bytes"
	"io"
	"net"
	"strconv"
)

// readAnswer reads one HTTP/1.1 answer with a length or in chunks.
func readAnswer(conn net.Conn, buffer []byte) (status int, body []byte, keep bool, err error) {
	filled, headEnd := 0, -1
	for headEnd < 0 {
		n, err := conn.Read(buffer[filled:])
		if n == 0 && err != nil {
			return 0, nil, false, err
		}
		filled += n
		headEnd = bytes.Index(buffer[:filled], []byte("\r\n\r\n"))
		if headEnd < 0 && filled == len(buffer) {
			return 0, nil, false, errHead
		}
	}
	head, start := buffer[:headEnd+2], headEnd+4
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.")) {
		return 0, nil, false, errHead
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, nil, false, errHead
	}
	keep = !bytes.EqualFold(header(head, "Connection"), []byte("close"))
	if length := header(head, "Content-Length"); length != nil {
		size, err := strconv.Atoi(string(length))
		if err != nil || start+size > len(buffer) {
			return 0, nil, false, errHead
		}
		if _, err := fill(conn, buffer, filled, start+size); err != nil {
			return 0, nil, false, err
		}
		return status, buffer[start : start+size], keep, nil
	}
	if bytes.EqualFold(header(head, "Transfer-Encoding"), []byte("chunked")) {
		body, err = readChunks(conn, buffer, start, filled)
		return status, body, keep, err
	}
	return 0, nil, false, errHead
}

// header is the value of the named header, or nil; head ends with CRLF.
func header(head []byte, name string) []byte {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
		head = rest
	}
	return nil
}

// fill reads until `wanted` bytes are in the buffer; it returns how many there are.
func fill(conn net.Conn, buffer []byte, filled, wanted int) (int, error) {
	if filled >= wanted {
		return filled, nil
	}
	n, err := io.ReadAtLeast(conn, buffer[filled:], wanted-filled)
	return filled + n, err
}

// readChunks joins the chunks in place, from `start` on.
func readChunks(conn net.Conn, buffer []byte, start, filled int) ([]byte, error) {
	at, end := start, start
	for {
		line := bytes.Index(buffer[at:filled], []byte("\r\n"))
		for line < 0 {
			var err error
			if filled, err = fill(conn, buffer, filled, filled+1); err != nil {
				return nil, err
			}
			line = bytes.Index(buffer[at:filled], []byte("\r\n"))
		}
		size, err := strconv.ParseInt(string(buffer[at:at+line]), 16, 32)
		next := at + line + 2 + int(size) + 2
		if err != nil || next > len(buffer) {
			return nil, errHead
		}
		if filled, err = fill(conn, buffer, filled, next); err != nil {
			return nil, err
		}
		if size == 0 {
			return buffer[start:end], nil
		}
		end += copy(buffer[end:], buffer[at+line+2:next-2])
		at = next
	}
}
