// The rows of the bench that Go's channels have, one sample per run of this program.
//
// Arguments: load senders receivers capacity bytes count. Prints nanoseconds per operation, or ends with status 1 when a
// message was lost.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

type words interface {
	[1]uint64 | [4]uint64 | [32]uint64
}

func message[M words](number uint64) (m M) {
	for at := 0; at < len(m); at++ {
		m[at] = number
	}
	return m
}

type sample struct {
	load               string
	senders, receivers uint64
	capacity           int
	count              uint64
}

// share is the part of the numbers below count that worker `which` of `of` handles.
func share(count, which, of uint64) (uint64, uint64) {
	return count * which / of, count * (which + 1) / of
}

// workers runs both sides from one start and verifies their sums.
func workers(s sample, send, receive func(which, from, to uint64) uint64) time.Duration {
	start := make(chan struct{})
	sums := make([]uint64, 2)
	var guard sync.Mutex
	var done sync.WaitGroup
	side := func(at int, of uint64, work func(which, from, to uint64) uint64) {
		for which := uint64(0); which < of; which++ {
			done.Add(1)
			go func(which uint64) {
				from, to := share(s.count, which, of)
				<-start
				sum := work(which, from, to)
				guard.Lock()
				sums[at] += sum
				guard.Unlock()
				done.Done()
			}(which)
		}
	}
	side(0, s.senders, send)
	side(1, s.receivers, receive)
	began := time.Now()
	close(start)
	done.Wait()
	took := time.Since(began)
	verify(sums[0], sums[1])
	return took
}

func verify(sent, received uint64) {
	if sent != received {
		fmt.Fprintln(os.Stderr, "a message was lost")
		os.Exit(1)
	}
}

func stream[M words](s sample) time.Duration {
	c := make(chan M, s.capacity)
	return workers(s, func(_, from, to uint64) (sum uint64) {
		for number := from; number < to; number++ {
			c <- message[M](number)
			sum += number
		}
		return sum
	}, func(_, from, to uint64) (sum uint64) {
		for ; from < to; from++ {
			m := <-c
			sum += m[0]
		}
		return sum
	})
}

func one[M words](s sample) time.Duration {
	c := make(chan M, s.capacity)
	var sent, received uint64
	began := time.Now()
	for number := uint64(0); number < s.count; number++ {
		c <- message[M](number)
		sent += number
		m := <-c
		received += m[0]
	}
	took := time.Since(began)
	verify(sent, received)
	return took
}

func pingPong[M words](s sample) time.Duration {
	there, back := make(chan M, s.capacity), make(chan M, s.capacity)
	go func() {
		for number := uint64(0); number < s.count; number++ {
			back <- <-there
		}
	}()
	var sent, received uint64
	began := time.Now()
	for number := uint64(0); number < s.count; number++ {
		there <- message[M](number)
		sent += number
		m := <-back
		received += m[0]
	}
	took := time.Since(began)
	verify(sent, received)
	return took
}

func tryRecv[M words](s sample) time.Duration {
	c := make(chan M, s.capacity)
	found := uint64(0)
	began := time.Now()
	for number := uint64(0); number < s.count; number++ {
		select {
		case <-c:
			found++
		default:
		}
	}
	took := time.Since(began)
	verify(0, found)
	return took
}

func trySend[M words](s sample) time.Duration {
	c := make(chan M, s.capacity)
	for len(c) < s.capacity {
		c <- message[M](0)
	}
	sent := uint64(0)
	began := time.Now()
	for number := uint64(0); number < s.count; number++ {
		select {
		case c <- message[M](number):
			sent++
		default:
		}
	}
	took := time.Since(began)
	verify(0, sent)
	return took
}

func create[M words](s sample) time.Duration {
	var sent, received uint64
	began := time.Now()
	for number := uint64(0); number < s.count; number++ {
		c := make(chan M, s.capacity)
		c <- message[M](number)
		sent += number
		m := <-c
		received += m[0]
	}
	took := time.Since(began)
	verify(sent, received)
	return took
}

// selects is select over four receivers, and with `both` over four senders too.
func selects[M words](s sample, both bool) time.Duration {
	var c [4]chan M
	for at := range c {
		c[at] = make(chan M, s.capacity)
	}
	return workers(s, func(which, from, to uint64) (sum uint64) {
		for number := from; number < to; number++ {
			m := message[M](number)
			sum += number
			if !both {
				c[which%4] <- m
				continue
			}
			select {
			case c[0] <- m:
			case c[1] <- m:
			case c[2] <- m:
			case c[3] <- m:
			}
		}
		return sum
	}, func(_, from, to uint64) (sum uint64) {
		for ; from < to; from++ {
			var m M
			select {
			case m = <-c[0]:
			case m = <-c[1]:
			case m = <-c[2]:
			case m = <-c[3]:
			}
			sum += m[0]
		}
		return sum
	})
}

func run[M words](s sample) (time.Duration, bool) {
	switch s.load {
	case "one":
		return one[M](s), true
	case "stream":
		return stream[M](s), true
	case "ping-pong":
		return pingPong[M](s), true
	case "try_recv":
		return tryRecv[M](s), true
	case "try_send":
		return trySend[M](s), true
	case "create":
		return create[M](s), true
	case "select_rx":
		return selects[M](s, false), true
	case "select_both":
		return selects[M](s, true), true
	}
	return 0, false
}

func main() {
	number := func(at int) uint64 {
		value, err := strconv.ParseUint(os.Args[at], 10, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return value
	}
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: load senders receivers capacity bytes count")
		os.Exit(2)
	}
	s := sample{os.Args[1], number(2), number(3), int(number(4)), number(6)}
	var took time.Duration
	known := false
	switch number(5) {
	case 8:
		took, known = run[[1]uint64](s)
	case 32:
		took, known = run[[4]uint64](s)
	case 256:
		took, known = run[[32]uint64](s)
	}
	if !known {
		fmt.Fprintln(os.Stderr, "there is no such row")
		os.Exit(2)
	}
	fmt.Println(float64(took.Nanoseconds()) / float64(s.count))
}
