package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor time in /proc (USER_HZ, 100 on every Linux
// that Go runs on).
const clockTick = 10 * time.Millisecond

// Footprint is what a process amounts to.
type Footprint struct {
	Resident int64         // bytes
	CPU      time.Duration // so far, user and system, in steps of 10 ms
}

// FootprintOf measures a process, as Linux tells in /proc (proc_pid_stat(5)). It is an
// error elsewhere, or if there is no such process.
func FootprintOf(pid int) (Footprint, error) {
	var f Footprint
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return f, fmt.Errorf("measure process: %w", err)
	}
	// The name in parentheses may hold anything; proc_pid_stat(5) counts from 1.
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
	fields := strings.Fields(rest) // from field 3 on
	const utime, stime, rss = 14 - 3, 15 - 3, 24 - 3
	if len(fields) <= rss {
		return f, fmt.Errorf("measure process: %d fields in its stat", len(fields))
	}
	var n [3]int64
	for i, field := range []int{utime, stime, rss} {
		if n[i], err = strconv.ParseInt(fields[field], 10, 64); err != nil {
			return f, fmt.Errorf("measure process: %w", err)
		}
	}
	f.CPU = time.Duration(n[0]+n[1]) * clockTick
	f.Resident = n[2] * int64(os.Getpagesize())
	return f, nil
}
