//go:build unix && !linux

package kafkatest

import "syscall"

// group puts a child into a process group of its own, so that it is signalled
// whole. Here a killed test leaves its brokers behind.
func group() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
