package bench

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/belfry/belfry/internal/bench/figures"
)

// usage asks a process how large it is, and measures its state folder.
func (m *member) usage(ctx context.Context) (map[figures.Quantity]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its metrics: %w", m.name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s for its metrics: %s", m.name, response.Status)
	}
	values := map[figures.Quantity]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		quantity, unit := figures.Quantity(""), 1.0
		switch name {
		case "process_resident_memory_bytes":
			quantity, unit = figures.Memory, 1<<20
		case "go_goroutines":
			quantity = figures.Goroutines
		case "process_open_fds":
			quantity = figures.Files
		default:
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("metrics of %s: %w", m.name, err)
		}
		values[quantity] = v / unit
	}
	values[figures.Disk] = float64(folderBytes(m.dir)) / (1 << 20)
	return values, nil
}

// folderBytes is what the files of a folder hold. Files that go meanwhile, as a
// store's do when it compacts, count nothing.
func folderBytes(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
