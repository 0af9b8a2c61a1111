// Command load is a closed-loop HTTP/1.1 load generator for one endpoint.
//
// Each connection sends, waits for the whole answer, checks it and sends again, so at
// most -c requests are ever in flight. Every request carries names that were never sent
// before: in the body, `@@NAMEnn@@` (nn = 00..99) becomes a fresh table name of the same
// length. An answer counts only with status 200 and exactly -allows times
// `"effect":"allow"` and no other effect; everything else is an error and is counted apart.
//
// It is written on net.Conn and not on net/http because it shares two cores with what it
// measures: about 25 µs of CPU a request.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type headers []string

func (h *headers) String() string { return strings.Join(*h, ", ") }

func (h *headers) Set(value string) error { *h = append(*h, value); return nil }

type options struct {
	network, address, path string
	headers                headers
	body                   []byte
	connections, allows    int
	duration, timeout      time.Duration
	count                  int64
}

// result is what goes to standard output, as one JSON object.
type result struct {
	Connections   int            `json:"connections"`
	Seconds       float64        `json:"seconds"`
	Good          int            `json:"good"`
	Throughput    float64        `json:"throughput"`
	P50           float64        `json:"p50_us"`
	P90           float64        `json:"p90_us"`
	P99           float64        `json:"p99_us"`
	Max           float64        `json:"max_us"`
	CPUPerRequest float64        `json:"cpu_us_per_request"`
	Errors        map[string]int `json:"errors"`
	FirstError    string         `json:"first_error"`
}

func main() {
	opts, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	runtime.GOMAXPROCS(1) // one thread of Go code: it must leave the cores to the rivals
	debug.SetGCPercent(-1)
	if err := json.NewEncoder(os.Stdout).Encode(run(opts)); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func parse(arguments []string) (*options, error) {
	opts := &options{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&opts.network, "network", "tcp", "tcp or unix")
	flags.StringVar(&opts.address, "address", "", "host:port, or a socket's path")
	flags.StringVar(&opts.path, "path", "/", "request target")
	flags.Var(&opts.headers, "header", "a header line; repeatable")
	body := flags.String("body", "", "file with the body's template")
	flags.IntVar(&opts.connections, "c", 1, "connections")
	flags.IntVar(&opts.allows, "allows", 1, "how many allows a good answer holds; -1: do not look")
	flags.DurationVar(&opts.duration, "duration", 3*time.Second, "how long to send")
	flags.DurationVar(&opts.timeout, "timeout", 5*time.Second, "longest wait for one answer")
	flags.Int64Var(&opts.count, "count", 0, "stop after so many requests; 0: by duration alone")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	var err error
	if opts.body, err = os.ReadFile(*body); err != nil {
		return nil, err
	}
	if opts.address == "" || opts.connections < 1 {
		return nil, fmt.Errorf("-address and a positive -c are required")
	}
	return opts, nil
}

func run(opts *options) result {
	clients := make([]*client, opts.connections)
	var sent atomic.Int64
	var group sync.WaitGroup
	cpu, start := cpuTime(), time.Now()
	for i := range clients {
		clients[i] = newClient(opts, &sent, start.Add(opts.duration))
		group.Add(1)
		go func(c *client) { defer group.Done(); c.loop() }(clients[i])
	}
	group.Wait()
	return summarise(clients, time.Since(start), cpuTime()-cpu)
}

func summarise(clients []*client, elapsed, cpu time.Duration) result {
	out := result{Connections: len(clients), Seconds: elapsed.Seconds(), Errors: map[string]int{}}
	var all []time.Duration
	total := 0
	for _, c := range clients {
		all = append(all, c.latencies...)
		for kind, n := range c.errors {
			out.Errors[kind] += n
			total += n
		}
		if out.FirstError == "" {
			out.FirstError = c.firstError
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	out.Good = len(all)
	out.Throughput = float64(len(all)) / elapsed.Seconds()
	out.P50, out.P90 = quantile(all, 0.50), quantile(all, 0.90)
	out.P99, out.Max = quantile(all, 0.99), quantile(all, 1)
	if total += len(all); total > 0 {
		out.CPUPerRequest = micros(cpu) / float64(total)
	}
	return out
}

// quantile is the nearest-rank quantile in microseconds; 0 where nothing was measured.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return micros(sorted[min(max(rank, 0), len(sorted)-1)])
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func dial(opts *options) (net.Conn, error) {
	return net.DialTimeout(opts.network, opts.address, opts.timeout)
}
