package table

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry/belfry/engine/kafka"
)

// viewFolder is where the local stores of one table are kept. It has a folder
// for each generation, named by the format of the rows and a number: a table
// that is read anew is filled in the next generation, while the last one can
// still be read from. More than one are there while that goes on, or after a
// crash in it; then the last is the one that was being filled.
type viewFolder string

// viewFormat names the form of rows in the stores; what is in another form is
// removed and read anew.
const viewFormat = "v2."

func viewFolderOf(c *kafka.Config, topic string) viewFolder {
	return viewFolder(filepath.Join(c.StateDir, "views", topic))
}

func (f viewFolder) generation(n int) string {
	return filepath.Join(string(f), viewFormat+strconv.Itoa(n))
}

// last is the number of the last generation that is there, or 1.
func (f viewFolder) last() (int, error) {
	last := 1
	err := f.each(func(_ string, n int) error {
		last = max(last, n)
		return nil
	})
	return last, err
}

// keep removes everything but those generations.
func (f viewFolder) keep(generations ...int) error {
	return f.each(func(path string, n int) error {
		if slices.Contains(generations, n) {
			return nil
		}
		return os.RemoveAll(path)
	})
}

// each calls do for everything in the folder, with number 0 for what is no
// generation of this format.
func (f viewFolder) each(do func(path string, n int) error) error {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read state folder: %w", err)
	}
	var errs []error
	for _, e := range entries {
		n := 0
		if number, ok := strings.CutPrefix(e.Name(), viewFormat); ok {
			n, _ = strconv.Atoi(number) // 0 for what is none
		}
		errs = append(errs, do(filepath.Join(string(f), e.Name()), n))
	}
	return errors.Join(errs...)
}
