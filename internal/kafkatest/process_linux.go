package kafkatest

import "syscall"

// group puts a child into a process group of its own, so that it is signalled
// whole and a Ctrl-C leaves its end to the test. The kernel kills it with the
// thread that started it, thus also when the test is killed or times out.
func group() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
