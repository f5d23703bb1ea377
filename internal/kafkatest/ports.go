package kafkatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Ports are taken from below the range that Linux gives to outgoing
// connections (from 32768), so that nobody gets a killed node's port before it
// is up again.
const (
	firstPort = 20000
	lastPort  = 31999
)

// reservePort gives a free port of the loopback address that no other test
// takes before this one has ended.
func reservePort(t testing.TB) int {
	t.Helper()
	dir := lockFolder(t)
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		lock, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(port)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatalf("reserve port %d: %v", port, err)
		}
		if free(lock, port) {
			t.Cleanup(func() { lock.Close() }) // frees the lock
			return port
		}
		lock.Close()
	}
	t.Fatal("no free port")
	return 0
}

// lockFolder holds a file for each thing of the machine that tests of several
// packages must not take at once. A lock ends with its process, however that
// ends.
func lockFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("belfry-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("create folder of locks: %v", err)
	}
	return dir
}

// awaitTurn waits until no other test has a cluster of several nodes: packages
// are tested side by side, and two such clusters at once would test the machine.
func awaitTurn(t testing.TB) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(lockFolder(t), "cluster"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		t.Cleanup(func() { lock.Close() }) // frees the lock
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatalf("wait for other clusters: %v", err)
	}
}

func free(lock *os.File, port int) bool {
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}
