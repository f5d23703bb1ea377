package schema_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/schema"
)

// slowRegistry has the schemas 1 to 3, takes a tenth of a second for each answer, and counts
// the questions.
func slowRegistry(asked *int, missing string) schema.Config {
	return schema.Config{URL: "http://registry", Transport: handlerTransport(func(q *http.Request) (*http.Response, error) {
		*asked++
		time.Sleep(100 * time.Millisecond)
		status, body := http.StatusNotFound, missing
		switch q.URL.Path {
		case "/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/3":
			status, body = http.StatusOK, `{"schema":"\"string\""}`
		case wellPath:
			status, body = http.StatusOK, `["AVRO"]`
		}
		header := http.Header{"Content-Type": {"application/json"}}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: header, Request: q}, nil
	})}
}

// TestUnknownSchemasAreFewQuestions has a producer name another schema in each record:
// the registry is asked for a few, known ones are not forgotten over it, other
// partitions do as before, and after a time the partition may ask again.
func TestUnknownSchemasAreFewQuestions(t *testing.T) {
	for name, missing := range map[string]string{
		"the registry's words":   `{"error_code":40403,"message":"Schema not found"}`,
		"the web server's words": `{"error_code":404,"message":"HTTP 404 Not Found"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				d := decoderOf(slowRegistry(&asked, missing))
				at := func(partition int32, id uint32) sources.Record {
					return sources.Record{Topic: "t", Partition: partition, Value: frame(id, "\x02a")}
				}
				good := func(r sources.Record) {
					t.Helper()
					if got, err := d.Decode(t.Context(), r); err != nil || got[0].Value != "a" {
						t.Errorf("got %v, %v", got, err)
					}
				}
				good(at(0, 1))
				// As long as it may wait, a schema that is there is found behind many that are not.
				hostile := func(ids, n uint32) {
					for i := range n {
						if text := patiently(t, d, at(0, ids+i)); !strings.Contains(text, "must be written with a schema that the registry has") {
							t.Fatalf("schema %d: %s", ids+i, text)
						}
					}
				}
				start := time.Now()
				hostile(1000, 4)
				if text := patiently(t, d, at(0, 2)); text != "" {
					t.Errorf("a schema that is there, named by a partition that has spent its share: %s", text)
				}
				if took := time.Since(start); took < 500*time.Millisecond || took > 2*time.Second {
					t.Errorf("4 questions and one took %s, want those of 0.2 s at once and the next after a wait", took)
				}
				hostile(2000, 5000)
				if took := time.Since(start); asked > 20 || took > 3*time.Second {
					t.Errorf("asked %d times in %s, want to be held up for 0.5 s besides the questions", asked, took)
				}
				before := asked
				good(at(0, 1))
				if asked != before {
					t.Error("a schema that is known was asked for again")
				}
				good(at(1, 3))
				refused(t, d, at(1, 7000), "7000")
				if got := asked - before; got < 2 || got > 3 {
					t.Errorf("another partition asked %d times, want once for each of two", got)
				}
				refused(t, d, at(0, 8001), "must be written") // what time has given back meanwhile
				refused(t, d, at(0, 8000), "replay")
				time.Sleep(2 * time.Second)
				before = asked
				refused(t, d, at(0, 8000), "the registry has; of")
				if asked == before {
					t.Error("after a time the partition may not ask again")
				}
				// It waits again once it has been as all others are for a while.
				time.Sleep(2 * time.Minute)
				hostile(9000, 4)
				if text := patiently(t, d, at(0, 9900)); !strings.Contains(text, "the registry has; of") {
					t.Errorf("after two minutes the partition does not wait again: %s", text)
				}
			})
		})
	}
}

// TestFailingSchemasAreWaitedForTogether holds that a partition whose records name one
// schema after another at which the registry fails is held up once, not for each.
func TestFailingSchemasAreWaitedForTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := answers{wellPath: answer{200, `["AVRO"]`}}
		for i := range 20 {
			a[fmt.Sprint("/schemas/ids/", i)] = answer{500, `{"error_code":50001,"message":"backend"}`}
		}
		d := decoderOf(schema.Config{URL: "http://registry", Transport: a})
		wait := func(r sources.Record) time.Duration { return untilRefused(t, d, r) }
		if took := wait(sources.Record{Value: frame(0, "\x02a")}); took < 4*time.Minute || took > 6*time.Minute {
			t.Errorf("the first took %s", took)
		}
		for i := range 19 {
			if took := wait(sources.Record{Value: frame(uint32(i+1), "\x02a")}); took > time.Second {
				t.Errorf("schema %d took %s", i+1, took)
			}
		}
		if took := wait(sources.Record{Partition: 1, Value: frame(19, "\x02a")}); took > time.Second {
			t.Errorf("known to fail, in another partition: took %s", took)
		}
	})
}

// TestASchemaThatIsNeverAnsweredIsALetter holds that a registry which hangs at one path
// and answers others holds a partition up for minutes, not for ever.
func TestASchemaThatIsNeverAnsweredIsALetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := decoderOf(schema.Config{URL: "http://registry", Transport: handlerTransport(func(q *http.Request) (*http.Response, error) {
			if q.URL.Path != wellPath {
				<-q.Context().Done()
				return nil, q.Context().Err()
			}
			return answers{wellPath: answer{200, `["AVRO"]`}}.RoundTrip(q)
		})})
		if took := untilRefused(t, d, sources.Record{Value: frame(1, "\x02a")}); took < 4*time.Minute || took > 6*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// untilRefused asks for a record, every second, until it is refused.
func untilRefused(t *testing.T, d *envelope.Decoder, r sources.Record) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < time.Hour {
		if _, err := d.Decode(t.Context(), r); err != nil && !isUnavailable(err) {
			break
		}
		time.Sleep(time.Second)
	}
	return time.Since(start)
}

// patiently asks for a record as a router does, and returns the error that ends it, ""
// for none.
func patiently(t *testing.T, d *envelope.Decoder, r sources.Record) string {
	t.Helper()
	for range 1000 {
		switch _, err := d.Decode(t.Context(), r); {
		case err == nil:
			return ""
		case !isUnavailable(err):
			return err.Error()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return "waits for ever"
}

func isUnavailable(err error) bool { return errors.Is(err, sources.ErrUnavailable) }
