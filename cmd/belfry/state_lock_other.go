//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package main

import "os"

// tryLock can't lock here: two processes on one state folder are refused by the
// locks of its stores only.
func tryLock(*os.File) (bool, error) { return true, nil }
