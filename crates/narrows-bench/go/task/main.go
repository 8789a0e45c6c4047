// The rows of narrows-bench-task that Go has, one sample per run of this program.
//
// Arguments: load, workers (0: as many as Go takes), capacity, tasks, count. Prints a figure per line: its name and a
// number, or `never`. It ends with status 1 when a message was lost, and with 3 when it takes too long.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// Others is how many tasks want to run beside the loops.
	others = 100
	// Nap is how long each of them sleeps between two turns.
	nap = 10 * time.Millisecond
	// Watched is how long they are watched.
	watched = 2 * time.Second
	// Settled is how long those who were there before have had when the first loop begins.
	settled = 100 * time.Millisecond
	longest = 2 * time.Minute
)

var epoch = time.Now()

// now is never 0, which means not yet.
func now() int64 { return int64(time.Since(epoch)) + 1 }

var (
	loopBegan int64
	first     [others]int64
	events    int64
	spun      uint64
)

// spin never ends and calls nothing that could give way.
func spin() {
	atomic.CompareAndSwapInt64(&loopBegan, 0, now())
	for {
		spun = spun*6364136223846793005 + 1
	}
}

func turn(which int) {
	if atomic.LoadInt64(&loopBegan) == 0 {
		return
	}
	atomic.CompareAndSwapInt64(&first[which], 0, now())
	atomic.AddInt64(&events, 1)
}

func other(which int) {
	for {
		turn(which)
		time.Sleep(nap)
	}
}

// tell prints when the others first ran after `began`, and how often in all.
func tell(began int64) {
	least, most, ran := int64(0), int64(0), 0
	for at := range first {
		if at := atomic.LoadInt64(&first[at]) - began; at > -began {
			if ran++; ran == 1 || at < least {
				least = at
			}
			if at > most {
				most = at
			}
		}
	}
	ms := func(name string, at int64, known bool) {
		if known {
			fmt.Println(name, float64(at)/1e6)
		} else {
			fmt.Println(name, "never")
		}
	}
	ms("first", least, ran > 0)
	ms("all", most, ran == others)
	fmt.Println("events", atomic.LoadInt64(&events))
}

func loops(count int, before bool) {
	start := func() {
		for which := 0; which < others; which++ {
			go other(which)
		}
	}
	if before {
		start()
		time.Sleep(settled)
	}
	for at := 0; at < count; at++ {
		go spin()
	}
	if !before {
		start()
	}
	for atomic.LoadInt64(&loopBegan) == 0 {
		time.Sleep(time.Millisecond)
	}
	began := atomic.LoadInt64(&loopBegan)
	time.Sleep(time.Duration(began+int64(watched)) - time.Duration(now()))
	tell(began)
	os.Exit(0)
}

// blocked has so many tasks, each of which waits for a message of its own, and others that want to run meanwhile.
func blocked(count int) {
	var woken int64
	began := now()
	loopBegan = began
	channels := make([]chan uint64, count)
	for at := range channels {
		channel := make(chan uint64)
		channels[at] = channel
		go func() {
			<-channel
			atomic.AddInt64(&woken, 1)
		}()
	}
	for which := 0; which < others; which++ {
		go other(which)
	}
	time.Sleep(watched)
	for _, channel := range channels {
		channel <- 1
	}
	for atomic.LoadInt64(&woken) < int64(count) {
		time.Sleep(time.Millisecond)
	}
	tell(began)
	fmt.Println("woken", count)
}

func resident() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// parked has so many tasks, each of which waits: all for one channel, or each for one of its own.
func parked(tasks int64, own bool) {
	var arrived, ended, sum int64
	var all, over int64
	shared := make(chan int64)
	var channels []chan int64
	if own {
		channels = make([]chan int64, tasks)
		for at := range channels {
			channels[at] = make(chan int64, 1)
		}
	}
	before := resident()
	began := now()
	for at := int64(0); at < tasks; at++ {
		channel := shared
		if own {
			channel = channels[at]
		}
		go func() {
			if atomic.AddInt64(&arrived, 1) == tasks {
				atomic.StoreInt64(&all, now())
			}
			message := <-channel
			atomic.AddInt64(&sum, message)
			if atomic.AddInt64(&ended, 1) == tasks {
				atomic.StoreInt64(&over, now())
			}
		}()
	}
	spawned := now()
	for atomic.LoadInt64(&all) == 0 {
		time.Sleep(time.Millisecond)
	}
	after := resident()
	woke := now()
	if own {
		for _, channel := range channels {
			channel <- 1
		}
	} else {
		for at := int64(0); at < tasks; at++ {
			shared <- 1
		}
	}
	for atomic.LoadInt64(&over) == 0 {
		time.Sleep(time.Millisecond)
	}
	verify(sum, tasks)
	each := func(name string, amount int64) { fmt.Println(name, float64(amount)/float64(tasks)) }
	each("spawn", spawned-began)
	each("parked", all-began)
	each("woken", over-woke)
	each("bytes", after-before)
}

func verify(found, wanted int64) {
	if found != wanted {
		fmt.Fprintln(os.Stderr, "a message was lost")
		os.Exit(1)
	}
}

func hops(began int64, count int64) {
	fmt.Println("ns", float64(now()-began)/float64(count))
}

func pingPong(capacity int, count int64) {
	there, back := make(chan int64, capacity), make(chan int64, capacity)
	done := make(chan int64)
	go func() {
		for message := range there {
			back <- message + 1
		}
	}()
	go func() {
		began, message := now(), int64(0)
		for trip := int64(0); trip < count/2; trip++ {
			there <- message
			message = <-back
		}
		hops(began, count/2*2)
		done <- message
	}()
	verify(<-done, count/2)
}

func stream(capacity int, count int64) {
	channel, done := make(chan int64, capacity), make(chan int64)
	began := now()
	go func() {
		for number := int64(0); number < count; number++ {
			channel <- number
		}
		close(channel)
	}()
	go func() {
		sum := int64(0)
		for number := range channel {
			sum += number
		}
		hops(began, count)
		done <- sum
	}()
	verify(<-done, count*(count-1)/2)
}

func ring(capacity int, tasks, count int64) {
	laps := count/tasks + 1
	channels := make([]chan int64, tasks)
	for at := range channels {
		channels[at] = make(chan int64, capacity)
	}
	for at := int64(1); at < tasks; at++ {
		go func(from, to chan int64) {
			for message := range from {
				to <- message + 1
			}
		}(channels[at], channels[(at+1)%tasks])
	}
	done := make(chan int64)
	go func() {
		began, message := now(), int64(0)
		for lap := int64(0); lap < laps; lap++ {
			channels[1] <- message + 1
			message = <-channels[0]
		}
		hops(began, laps*tasks)
		done <- message
	}()
	verify(<-done, laps*tasks)
}

func main() {
	time.AfterFunc(longest, func() { os.Exit(3) })
	number := func(at int) int64 {
		value, err := strconv.ParseInt(os.Args[at], 10, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return value
	}
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: load workers capacity tasks count")
		os.Exit(2)
	}
	if workers := number(2); workers > 0 {
		runtime.GOMAXPROCS(int(workers))
	}
	capacity, tasks, count := int(number(3)), number(4), number(5)
	switch os.Args[1] {
	case "loops":
		loops(int(tasks), false)
	case "loops-before":
		loops(int(tasks), true)
	case "blocked":
		blocked(int(tasks))
	case "parked-shared":
		parked(tasks, false)
	case "parked-own":
		parked(tasks, true)
	case "ping-pong":
		pingPong(capacity, count)
	case "stream":
		stream(capacity, count)
	case "ring":
		ring(capacity, tasks, count)
	default:
		fmt.Fprintln(os.Stderr, "there is no such load")
		os.Exit(2)
	}
}
