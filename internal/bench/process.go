package bench

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

// footprint is what a process amounts to, as Linux tells in /proc.
type footprint struct {
	resident int64         // bytes
	cpu      time.Duration // so far, user and system, in steps of clockTick
}

func footprintOf(pid int) (footprint, error) {
	var f footprint
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
	f.cpu = time.Duration(n[0]+n[1]) * clockTick
	f.resident = n[2] * int64(os.Getpagesize())
	return f, nil
}

// footprint measures the present process of m.
func (m *member) footprint() (footprint, error) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	return footprintOf(p.PID())
}
