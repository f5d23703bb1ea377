package renew

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
)

// copyFormat is the number of the file's format: a line of JSON for the topic,
// one for each record in the order of its partition, and one that closes it.
const copyFormat = 1

// defaultMaxBytes is what brokers take unless told otherwise.
const defaultMaxBytes = 1048588

// restored is what a copy's name ends with once all of it is written back.
const restored = ".restored"

type copyHeader struct {
	Format      int               `json:"belfry_copy"`
	Cluster     string            `json:"cluster"`
	Topic       string            `json:"topic"`
	TopicID     string            `json:"topic_id"` // hex
	Epoch       string            `json:"epoch"`    // hex
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication"`
	MaxBytes    int               `json:"max_bytes"` // of a record, on the brokers
	Config      map[string]string `json:"config"`    // the topic's own settings

	fenced bool // it takes no writes
}

// copyRecord is a record; bytes are base64, null is null.
type copyRecord struct {
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"` // where it was
	Time      int64       `json:"time"`   // milliseconds since 1970
	Key       []byte      `json:"key"`
	Value     []byte      `json:"value"`
	Headers   []copyField `json:"headers,omitempty"`
}

type copyField struct {
	Name  []byte `json:"name"`
	Value []byte `json:"value"`
}

type copyEnd struct {
	Records int    `json:"records"`
	SHA256  string `json:"sha256"` // of all lines before this one
}

// copyWriter writes a copy under a name that nobody takes for a complete one.
type copyWriter struct {
	path    string
	header  copyHeader
	file    *os.File
	out     *bufio.Writer
	sum     hash.Hash
	records int
}

func createCopy(path string, h copyHeader) (*copyWriter, error) {
	// People's texts are in it.
	file, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create copy: %w", err)
	}
	w := &copyWriter{path: path, header: h, file: file, sum: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(file, w.sum), 1<<16)
	if err := w.line(h); err != nil {
		return nil, errors.Join(err, w.discard())
	}
	return w, nil
}

func (w *copyWriter) line(v any) error {
	encoded, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write copy %s: %w", w.path, err)
	}
	if _, err := w.out.Write(append(encoded, '\n')); err != nil {
		return fmt.Errorf("write copy: %w", err)
	}
	return nil
}

func (w *copyWriter) add(m *sarama.ConsumerMessage) error {
	r := copyRecord{Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, copyField{h.Key, h.Value})
	}
	w.records++
	return w.line(r)
}

// finish closes the copy, gives it its name and reads it back.
func (w *copyWriter) finish() (*copied, error) {
	if err := w.out.Flush(); err != nil {
		return nil, fmt.Errorf("write copy: %w", err)
	}
	err := errors.Join(
		w.line(copyEnd{w.records, fmt.Sprintf("%x", w.sum.Sum(nil))}),
		w.out.Flush(), w.file.Sync(), w.file.Close(),
	)
	w.file = nil
	if err != nil {
		return nil, fmt.Errorf("write copy: %w", err)
	}
	if _, err := openCopy(w.path + ".part"); err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	if err := os.Rename(w.path+".part", w.path); err != nil {
		return nil, fmt.Errorf("name copy: %w", err)
	}
	if err := syncDir(filepath.Dir(w.path)); err != nil {
		return nil, fmt.Errorf("name copy: %w", err)
	}
	return &copied{w.path, w.header, w.records}, nil
}

// discard closes and removes a copy that was not finished.
func (w *copyWriter) discard() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.file.Close(), os.Remove(w.path+".part"))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// copied is a complete copy.
type copied struct {
	path    string
	header  copyHeader
	records int
}

// errCopy is matched by the error of a file that is no complete copy.
var errCopy = errors.New("not a complete copy of a topic")

// openCopy reads all of it once, so that what is returned is complete.
func openCopy(path string) (*copied, error) {
	c := &copied{path: path}
	err := c.each(nil)
	return c, err
}

// each calls visit, if that is not nil, for each record with its number in the
// file, and fills in what c tells of the file.
func (c *copied) each(visit func(number int, r copyRecord) error) error {
	file, err := os.Open(c.path)
	if err != nil {
		return fmt.Errorf("open copy: %w", err)
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 1<<16)
	sum := sha256.New()
	fail := func(line int, why error) error {
		return fmt.Errorf("%w: %s, line %d: %v", errCopy, c.path, line, why)
	}
	for number := 0; ; number++ {
		line, err := lines.ReadBytes('\n')
		switch {
		case err != nil && err != io.EOF:
			return fmt.Errorf("read copy: %w", err)
		case err == io.EOF:
			return fail(number+1, errors.New("it ends early"))
		case number == 0:
			if err := json.Unmarshal(line, &c.header); err != nil || c.header.Format != copyFormat {
				return fail(1, errors.New("not the first line of one"))
			}
		case bytes.HasPrefix(line, []byte(`{"records":`)):
			var end copyEnd
			if err := json.Unmarshal(line, &end); err != nil {
				return fail(number+1, err)
			}
			if end.Records != number-1 || end.SHA256 != fmt.Sprintf("%x", sum.Sum(nil)) {
				return fail(number+1, errors.New("the records are not those that were written"))
			}
			c.records = end.Records
			return nil
		default:
			var r copyRecord
			if err := json.Unmarshal(line, &r); err != nil {
				return fail(number+1, err)
			}
			if visit == nil {
				break
			}
			if err := visit(number, r); err != nil {
				return err
			}
		}
		sum.Write(line)
	}
}

// path is where the copy of an incarnation of the topic goes.
func (n *renewal) path(epoch string) string {
	if n.File != "" {
		return n.File
	}
	return n.topic + "-" + epoch + ".ndjson"
}

// unfinished returns the copy of a former incarnation that was not written back
// yet, nil if there is none. A copy of the present one is none: the topic was
// not deleted then.
func (n *renewal) unfinished(ctx context.Context, present kafka.TopicID) (*copied, error) {
	paths := []string{n.File}
	if n.File == "" {
		var err error
		if paths, err = filepath.Glob(n.path("????????")); err != nil {
			return nil, fmt.Errorf("look for copies: %w", err)
		}
	}
	response, err := kafka.Metadata(ctx, n.Client, []string{n.topic})
	if err != nil {
		return nil, err
	}
	cluster := clusterOf(response)
	var found []*copied
	for _, path := range paths {
		c, err := openCopy(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("%w: move it away, or name another copy", err)
		case c.header.Topic != n.topic || c.header.Cluster != cluster:
			return nil, fmt.Errorf("%w: %s is of %s on cluster %q, and this is %s on cluster %q: name another copy",
				errCopy, path, c.header.Topic, c.header.Cluster, n.topic, cluster)
		case c.header.TopicID != fmt.Sprintf("%x", present):
			found = append(found, c)
		}
	}
	if len(found) > 1 {
		names := make([]string, len(found))
		for i, c := range found {
			names[i] = c.path
		}
		return nil, fmt.Errorf("several copies are here: %s: name the one to go on with", strings.Join(names, ", "))
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}
