// Package load measures calls as the programs in TypeScript do: it reads lines
// "measure WORK CONCURRENCY MILLISECONDS" and answers each with one line of JSON.
package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Works are the kinds of work by name. A wrong reply ends the program.
type Works map[string]func()

// With more than one call in flight, each caller times only one in so many of its calls.
const stride = 16

// The share of the time before which nothing counts: the first replies of a slow client come late.
const leadIn = 0.25

type figures struct {
	Calls int64   `json:"calls"`
	Ms    float64 `json:"ms"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// EchoSizes are the lengths of the echoed texts, by the name of the work.
var EchoSizes = map[string]int{"echo1k": 1 << 10, "echo64k": 64 << 10}

// BytesSizes are the lengths of the echoed bytes, likewise.
var BytesSizes = map[string]int{"bytes1k": 1 << 10, "bytes64k": 64 << 10, "bytes1m": 1 << 20}

// Make returns the kinds of work of a client, made from its calls; without bytes if there is no call for them.
func Make(
	sum func(a, b int) (int, error),
	echo func(text string) (string, error),
	echoBytes func(bytes []byte) ([]byte, error),
) Works {
	works := Works{"add": func() {
		reply, err := sum(1, 2)
		Check(err)
		if reply != 3 {
			log.Fatalf("expected the reply 3, got %d", reply)
		}
	}}
	for name, size := range EchoSizes {
		text := strings.Repeat("x", size)
		works[name] = func() {
			reply, err := echo(text)
			Check(err)
			if len(reply) != size {
				log.Fatalf("expected %d bytes, got %d", size, len(reply))
			}
		}
	}
	for name, size := range BytesSizes {
		if echoBytes == nil {
			break
		}
		sent := bytes.Repeat([]byte("x"), size)
		works[name] = func() {
			reply, err := echoBytes(sent)
			Check(err)
			if len(reply) != size {
				log.Fatalf("expected %d bytes, got %d", size, len(reply))
			}
		}
	}
	return works
}

// Check ends the program if there is an error.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// Serve prints the address that a server listens on, and waits for the end of the standard input.
func Serve(addresses ...string) {
	fmt.Println(strings.Join(addresses, " "))
	io.Copy(io.Discard, os.Stdin)
}

// Answer answers commands until the standard input ends.
func Answer(works Works) {
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var command, work string
		var inFlight, ms int
		_, err := fmt.Sscan(lines.Text(), &command, &work, &inFlight, &ms)
		Check(err)
		Check(json.NewEncoder(os.Stdout).Encode(measure(works[work], inFlight, ms)))
	}
}

func measure(call func(), inFlight, ms int) figures {
	var replies atomic.Int64
	var running atomic.Bool
	running.Store(true)
	var callers sync.WaitGroup
	samples := make([][]float64, inFlight)
	for i := range samples {
		callers.Add(1)
		go func(i int) {
			defer callers.Done()
			for turn := i; running.Load(); turn++ {
				if inFlight > 1 && turn%stride != 0 {
					call()
				} else {
					start := time.Now()
					call()
					samples[i] = append(samples[i], float64(time.Since(start).Nanoseconds())/1000)
				}
				replies.Add(1)
			}
		}(i)
	}
	length := time.Duration(ms) * time.Millisecond
	time.Sleep(time.Duration(leadIn * float64(length)))
	from, before := time.Now(), replies.Load()
	time.Sleep(length)
	result := figures{Calls: replies.Load() - before, Ms: float64(time.Since(from).Microseconds()) / 1000}
	running.Store(false)
	callers.Wait()
	all := slices.Concat(samples...)
	if len(all) == 0 {
		return result
	}
	slices.Sort(all)
	at := func(share float64) float64 { return all[int(share*float64(len(all)-1))] }
	result.P50, result.P90, result.P99, result.Max = at(0.5), at(0.9), at(0.99), at(1)
	return result
}
