//go:build unix

package mail_test

import (
	"bufio"
	"fmt"
	"net/mail"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/mailtest"
	"github.com/belfry/belfry/senders"
	sender "github.com/belfry/belfry/senders/mail"
)

// sinkVariable has the test binary be a mail server until its standard input ends.
const sinkVariable = "BELFRY_TEST_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := mailtest.NewServer(mailtest.Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.CountOnly()
	fmt.Println(s.Addr)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	s.Close()
}

// BenchmarkSend is letters written and mailed to a server that is another process: mails a
// second, and the processor time of each in this process, with all that it does.
func BenchmarkSend(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	sink := exec.CommandContext(b.Context(), self)
	sink.Env = append(os.Environ(), sinkVariable+"=1")
	stdin, err := sink.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := sink.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := sink.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = sink.Wait()
	}()
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	for _, items := range []int{1, 25} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			mails := newTransport(b, sender.Config{
				Servers: []string{strings.TrimSpace(addr)}, TLS: sender.Plain, From: &mail.Address{Name: "Inbox", Address: "inbox@example.com"}, Timeout: time.Minute,
			})
			b.SetParallelism(sender.DefaultConnections)
			b.ReportAllocs()
			before := processorTime(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				m := message("kim", items)
				for pb.Next() {
					if said := mails.Send(b.Context(), m, to("kim@example.com")); said.Result != senders.Accepted {
						b.Errorf("got %+v", said)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "CPU-us/mail")
		})
	}
}

// processorTime is that of this process until now.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
