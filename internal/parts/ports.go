package parts

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

// FreePort returns a free port of the loopback address that no other test and no
// outgoing connection gets before t has ended: what stops there can start there again.
func FreePort(t testing.TB) int {
	t.Helper()
	dir, err := LockFolder()
	if err != nil {
		t.Fatal(err)
	}
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

// FreeAddr returns the loopback address of a [FreePort].
func FreeAddr(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
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
