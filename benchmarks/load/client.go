package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	markerLength = len("@@NAME00@@")
	alphabet     = "abcdefghijklmnopqrstuvwxyz0123456789"
	// deadlineEvery spares a timer update per request; a stuck answer is still found.
	deadlineEvery = time.Second
)

// slot is a place in the request where name number `index` of this request goes.
type slot struct{ offset, index int }

// client owns one connection, its request bytes and its measurements.
type client struct {
	opts       *options
	sent       *atomic.Int64
	until      time.Time
	request    []byte
	slots      []slot
	names      int
	conn       net.Conn
	deadlineAt time.Time
	buffer     []byte
	latencies  []time.Duration
	errors     map[string]int
	firstError string
}

func newClient(opts *options, sent *atomic.Int64, until time.Time) *client {
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\n", opts.path, host(opts))
	for _, line := range opts.headers {
		head.WriteString(line + "\r\n")
	}
	fmt.Fprintf(&head, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(opts.body))
	c := &client{
		opts: opts, sent: sent, until: until, errors: map[string]int{},
		request: append([]byte(head.String()), opts.body...),
		buffer:  make([]byte, 1<<20), latencies: make([]time.Duration, 0, 1<<16),
	}
	c.findSlots()
	return c
}

func host(opts *options) string {
	if opts.network == "unix" {
		return "localhost"
	}
	return opts.address
}

func (c *client) findSlots() {
	for at := 0; ; {
		next := bytes.Index(c.request[at:], []byte("@@NAME"))
		if next < 0 {
			return
		}
		at += next
		index, err := strconv.Atoi(string(c.request[at+6 : at+8]))
		if err == nil && string(c.request[at+8:at+markerLength]) == "@@" {
			c.slots = append(c.slots, slot{at, index})
			c.names = max(c.names, index+1)
		}
		at += markerLength
	}
}

// rename writes fresh names, unique over all connections and all runs of this command:
// they begin with the clock and end in the count of requests.
func (c *client) rename(number int64) {
	var name [markerLength]byte
	for _, s := range c.slots {
		// 36^9 values; a run takes its own stretch of them by the millisecond it began.
		v := uint64(c.until.UnixMilli())*1_000_003 + uint64(number)*uint64(max(c.names, 1)) + uint64(s.index)
		name[0] = 't'
		for i := markerLength - 1; i > 0; i-- {
			name[i] = alphabet[v%36]
			v /= 36
		}
		copy(c.request[s.offset:], name[:])
	}
}

func (c *client) loop() {
	defer c.hangUp()
	for {
		number := c.sent.Add(1)
		if c.opts.count > 0 && number > c.opts.count {
			return
		}
		start := time.Now()
		if start.After(c.until) {
			return
		}
		c.rename(number)
		kind, detail := c.exchange(start)
		if kind == "" {
			c.latencies = append(c.latencies, time.Since(start))
			continue
		}
		c.fail(kind, detail)
		if kind == "connect" {
			time.Sleep(10 * time.Millisecond) // nobody listens: do not burn the core
		}
	}
}

func (c *client) fail(kind, detail string) {
	c.errors[kind]++
	if c.firstError == "" {
		c.firstError = kind + ": " + detail[:min(len(detail), 500)]
	}
}

func (c *client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// exchange sends the request and reads one whole answer; kind is "" where it is good.
func (c *client) exchange(now time.Time) (kind, detail string) {
	if c.conn == nil {
		conn, err := dial(c.opts)
		if err != nil {
			return "connect", err.Error()
		}
		c.conn, c.deadlineAt = conn, time.Time{}
	}
	if now.Sub(c.deadlineAt) > deadlineEvery {
		_ = c.conn.SetDeadline(now.Add(c.opts.timeout + deadlineEvery))
		c.deadlineAt = now
	}
	if _, err := c.conn.Write(c.request); err != nil {
		c.hangUp()
		return "write", err.Error()
	}
	status, body, keep, err := readAnswer(c.conn, c.buffer)
	if err != nil {
		c.hangUp()
		return "read", err.Error()
	}
	if !keep {
		c.hangUp()
	}
	return judge(status, body, c.opts.allows)
}

// judge says what is wrong with an answer, or nothing.
func judge(status int, body []byte, allows int) (kind, detail string) {
	if status != 200 {
		return "status_" + strconv.Itoa(status), string(body)
	}
	if allows < 0 {
		return "", ""
	}
	allowed, other := countEffects(body)
	if allowed != allows || other != 0 {
		return "effect", string(body)
	}
	return "", ""
}

// countEffects counts members `"effect"` with the value "allow", and with any other.
func countEffects(body []byte) (allowed, other int) {
	key := []byte(`"effect"`)
	for {
		at := bytes.Index(body, key)
		if at < 0 {
			return allowed, other
		}
		body = bytes.TrimLeft(body[at+len(key):], " \t\r\n")
		if len(body) == 0 || body[0] != ':' {
			continue
		}
		body = bytes.TrimLeft(body[1:], " \t\r\n")
		if bytes.HasPrefix(body, []byte(`"allow"`)) {
			allowed++
		} else {
			other++
		}
	}
}

var errHead = errors.New("the answer is not HTTP/1.1 as expected")
