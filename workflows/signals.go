package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/envflow/envflow/internal/api"
)

// signals are the channels of a workflow.
type signals struct{ drains []func() }

// on makes handle receive each signal of that name. Handlers must not block.
func on[T any](s *signals, ctx workflow.Context, name string, handle func(ctx workflow.Context, message T)) {
	channel := workflow.GetSignalChannel(ctx, name)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var message T
			if !channel.Receive(ctx, &message) {
				return
			}
			handle(ctx, message)
		}
	})
	s.drains = append(s.drains, func() {
		for {
			var message T
			if !channel.ReceiveAsync(&message) {
				return
			}
			handle(ctx, message)
		}
	})
}

// drain handles what has arrived and waits in a channel. A run that ends without it loses that.
func (s *signals) drain() {
	for _, drain := range s.drains {
		drain()
	}
}

// maxHistory is the number of events after which a workflow begins a new run.
const maxHistory = 2500

// tooLong is true once the history of this run should grow no more.
func tooLong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistory
}

// listing shows the state of a workflow in lists of workflows.
type listing struct {
	known bool    // the server knows our search attributes
	shown *string // what lists show already
}

func (l listing) show(ctx workflow.Context, state string) {
	if !l.known || *l.shown == state {
		return
	}
	*l.shown = state
	key := temporal.NewSearchAttributeKeyKeyword(api.AttributeState)
	if err := workflow.UpsertTypedSearchAttributes(ctx, key.ValueSet(state)); err != nil {
		workflow.GetLogger(ctx).Warn("cannot list the state", "error", err)
	}
}
