package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

// lastMember remembers in the state folder which member of a group this process is,
// so that the next one on the folder can take it out of the group: a process
// that was killed could not leave, and its partitions would wait for the
// session time-out. The holder of the folder knows that the process is gone.
// A static member has nothing to do with it.
type lastMember struct {
	path  string
	group string
}

func previousMember(c *kafka.Config, group string) *lastMember {
	if c.InstanceID != "" || c.StateDir == "" {
		return nil
	}
	return &lastMember{filepath.Join(c.StateDir, "members", group), group}
}

// keep writes down a member id.
func (f *lastMember) keep(member string) error {
	if f == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("keep member id: %w", err)
	}
	if err := os.WriteFile(f.path, []byte(member), 0o600); err != nil {
		return fmt.Errorf("keep member id: %w", err)
	}
	return nil
}

// leave takes the member that was kept out of the group, if there is one.
// Nothing is lost if it fails: the group will notice by itself.
func (f *lastMember) leave(ctx context.Context, client *kgo.Client) error {
	if f == nil {
		return nil
	}
	kept, err := os.ReadFile(f.path)
	if errors.Is(err, os.ErrNotExist) || len(kept) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last member id: %w", err)
	}
	// Brokers take one member, or a list since Kafka 2.4.
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.MemberID = f.group, string(kept)
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID = string(kept)
	request.Members = append(request.Members, member)
	response, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
		for _, m := range response.Members {
			err = cmp.Or(err, kerr.ErrorForCode(m.ErrorCode))
		}
	}
	if err != nil && !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("take the last member out of %s: %w", f.group, err)
	}
	return nil
}
