package responder

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/webpush"
)

// Headers of requests and answers, by the names of Spring Kafka's KafkaHeaders.
const (
	HeaderCorrelation    = "kafka_correlationId"
	HeaderReplyTopic     = "kafka_replyTopic"
	HeaderReplyPartition = "kafka_replyPartition" // int32, big-endian

	// HeaderAnswer is in each answer: one that comes back as a request is not answered.
	HeaderAnswer = "belfry-answer"
)

const (
	// maxCorrelation is far above the 16 bytes of a UUID, or the 36 of its text.
	maxCorrelation = 4 << 10
	// maxKey bounds what an answer repeats of a request beside that.
	maxKey = 4 << 10
	// maxRequest is above the largest preferences that may be asked for.
	maxRequest = 64 << 10
)

// The actions that may be asked for.
const (
	actionSubscribe   = "subscribe"
	actionUnsubscribe = "unsubscribe"
	actionPreferences = "set-preferences"
	actionList        = "list"
	actionBounce      = "bounce"

	actionSubscribeTopic   = "subscribe-topic"
	actionUnsubscribeTopic = "unsubscribe-topic"
	actionListTopics       = "list-topics"
	actionJoin             = "join"
)

// actions are all of them, by the capability that each needs.
var actions = map[string]inbox.Features{
	actionSubscribe: inbox.FeatureReach, actionUnsubscribe: inbox.FeatureReach, actionPreferences: inbox.FeatureReach,
	actionList: inbox.FeatureReach, actionBounce: inbox.FeatureReach,
	actionSubscribeTopic: inbox.FeatureBroadcast, actionUnsubscribeTopic: inbox.FeatureBroadcast,
	actionListTopics: inbox.FeatureBroadcast, actionJoin: inbox.FeatureBroadcast,
}

const wantAction = "subscribe, unsubscribe, set-preferences, list, bounce, subscribe-topic, unsubscribe-topic, list-topics or join"

// actionUnknown stands for all others where they are counted.
const actionUnknown = "unknown"

// envelope is what the headers of a request say.
type envelope struct {
	correlation []byte // nil for none
	topic       string // to answer on; empty for the default
	partition   int32  // of it; -1 for any
	answer      bool   // it is an answer of ours
	asked       bool   // a topic is named
}

// readEnvelope reads the headers of a request with that key. Of several by one name the last
// counts, as it does for Spring, whose template adds its own behind those there are. The error
// is a [*belfry.FieldError] that names the header, or the key.
func readEnvelope(key []byte, headers []*sarama.RecordHeader) (envelope, error) {
	e := envelope{partition: -1}
	var err error
	for _, h := range headers {
		switch string(h.Key) {
		case HeaderCorrelation:
			e.correlation = h.Value
			if e.correlation == nil {
				e.correlation = []byte{}
			}
		case HeaderReplyTopic:
			e.topic, e.asked = string(h.Value), true
		case HeaderReplyPartition:
			if len(h.Value) != 4 {
				err = belfry.Invalid(HeaderReplyPartition, "must be an int32 of 4 bytes, big-endian, not %d bytes", len(h.Value))
				continue
			}
			if e.partition = int32(binary.BigEndian.Uint32(h.Value)); e.partition < 0 {
				err = belfry.Invalid(HeaderReplyPartition, "must not be negative, is %d", e.partition)
			}
		case HeaderAnswer:
			e.answer = true
		}
	}
	if len(key) > maxKey {
		return e, &belfry.FieldError{Field: "key", Problem: "is longer than 4096 bytes, and an answer would carry it", TooLarge: true}
	}
	if len(e.correlation) > maxCorrelation {
		return e, &belfry.FieldError{Field: HeaderCorrelation, Problem: "is longer than 4096 bytes, and an answer would carry it", TooLarge: true}
	}
	return e, err
}

// request is what is asked for.
type request struct {
	action    string
	recipient string
	address   *inbox.Address // of subscribe
	hash      uint64         // of unsubscribe, or
	seq       uint64         // the endpoint that an answer has named
	patch     []byte         // of set-preferences
	bounce    *door.Bounce   // of bounce
	news      string         // of subscribe-topic and unsubscribe-topic: the topic of notices
}

// body is the JSON of a request.
type body struct {
	Recipient    string          `json:"recipient"`
	Action       string          `json:"action"`
	Subscription json.RawMessage `json:"subscription"`
	Endpoint     json.RawMessage `json:"endpoint"`
	Preferences  json.RawMessage `json:"preferences"`
	Topic        string          `json:"topic"`
}

const wantBody = `{"recipient":"…","action":"…"} and what the action needs`

// parse reads the value of a request that came at a time. The error is a
// [*belfry.FieldError] that holds nothing of an endpoint but its host; what is known of
// the request by then is returned with it.
func parse(value []byte, at time.Time, hosts *webpush.Hosts, policy *reach.Policy) (request, error) {
	r := request{action: actionUnknown}
	if len(value) > maxRequest {
		return r, &belfry.FieldError{Problem: "the request is longer than 65536 bytes", TooLarge: true}
	}
	var b body
	if err := exactjson.Parse(unquoted(value), &b, wantBody); err != nil {
		return r, err
	}
	switch _, known := actions[b.Action]; {
	case known:
		r.action = b.Action
	case b.Action == "":
		return r, belfry.Invalid("action", "is required: %s", wantAction)
	default:
		return r, belfry.Invalid("action", "must be %s, not %.40q", wantAction, b.Action)
	}
	if err := belfry.CheckRecipient(b.Recipient); err != nil {
		return r, err
	}
	var err error
	switch r.action {
	case actionSubscribe:
		if isAbsent(b.Subscription) {
			return r, belfry.Invalid("subscription", "is required: what PushSubscription.toJSON gives")
		}
		if r.address, err = door.ParseSubscription(b.Subscription, hosts, at); err != nil {
			return r, belfry.In("subscription", err)
		}
	case actionUnsubscribe:
		err = r.parseGone(&b)
	case actionPreferences:
		if isAbsent(b.Preferences) {
			return r, belfry.Invalid("preferences", `is required: an object such as {"language":"ko"}`)
		}
		r.patch, err = b.Preferences, checkPreferences(b.Preferences, policy)
	case actionBounce:
		r.bounce, err = door.ParseBounce(value, policy)
	case actionSubscribeTopic, actionUnsubscribeTopic:
		r.news, err = b.Topic, belfry.CheckTopic(b.Topic)
	}
	if err != nil {
		return r, err
	}
	r.recipient = b.Recipient
	return r, nil
}

// unquoted takes JSON out of a text: a String of Java that is serialized as JSON is one.
func unquoted(value []byte) []byte {
	var text string
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return []byte(text)
	}
	return value
}

func isAbsent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// parseGone reads which endpoint is to go: the subscription, or the number of an answer.
func (r *request) parseGone(b *body) error {
	switch named := !isAbsent(b.Endpoint); {
	case named && !isAbsent(b.Subscription):
		return belfry.Invalid("endpoint", "must not stand beside subscription: name the endpoint once")
	case named:
		if err := json.Unmarshal(b.Endpoint, &r.seq); err != nil || r.seq == 0 {
			return belfry.Invalid("endpoint", "must be the number that the answer to subscribe or list has, not %.40s", b.Endpoint)
		}
		return nil
	case isAbsent(b.Subscription):
		return belfry.Invalid("subscription", `is required, {"endpoint":"https://…"}, or endpoint with its number`)
	}
	var s struct {
		Endpoint string `json:"endpoint"`
	}
	if err := exactjson.Parse(b.Subscription, &s, `{"endpoint":"https://…"}`); err != nil {
		return belfry.In("subscription", err)
	}
	if s.Endpoint == "" {
		return belfry.Invalid("subscription.endpoint", "is required: that of the subscription")
	}
	r.hash = door.SubscriptionHash(s.Endpoint)
	return nil
}

func checkPreferences(patch []byte, policy *reach.Policy) error {
	if len(patch) > door.MaxPatchBytes {
		return &belfry.FieldError{Field: "preferences", Problem: "are longer than they may be", TooLarge: true}
	}
	return belfry.In("preferences", door.CheckPatch(patch, policy))
}

// answer is what a request is told.
type answer struct {
	OK        bool        `json:"ok"`
	Recipient string      `json:"recipient,omitempty"`
	Endpoint  uint64      `json:"endpoint,omitempty"`
	Endpoints *[]endpoint `json:"endpoints,omitempty"`
	Topics    *[]string   `json:"topics,omitempty"`
	Error     *problem    `json:"error,omitempty"`
}

// endpoint is one of a list.
type endpoint struct {
	door.Place
	Kind string `json:"kind"`
}

// problem is what is wrong with a request.
type problem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// refusal is the answer that tells of an error.
func refusal(err error) answer {
	if field, ok := errors.AsType[*belfry.FieldError](err); ok {
		return answer{Error: &problem{field.Field, field.Problem}}
	}
	return answer{Error: &problem{"", err.Error()}}
}

// Shown is what an operator is shown of a request: its action, and for whom, as JSON.
// The rest of it is a secret: it is enough to send to a device.
func Shown(value []byte) (action string, recipient []byte) {
	var b body
	if exactjson.Parse(unquoted(value), &b, wantBody) != nil {
		return "", nil
	}
	recipient, _ = json.Marshal(map[string]string{"recipient": b.Recipient}) // a map of texts
	return b.Action, recipient
}
