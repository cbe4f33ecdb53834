package worker

import (
	"testing"
	"time"

	"github.com/envflow/envflow/internal/api"
)

// A change is open until it is in the containers: `envflow wait` goes by that while workflows do not know of it yet.
func TestHost_ChangesAreOpenUntilTheyAreInContainers(t *testing.T) {
	t.Parallel()
	sync := func(outcome string) api.SyncOut { return api.SyncOut{Outcome: outcome} }
	type step struct{ in, out any }
	const seq = 5
	for name, test := range map[string]struct {
		steps []step
		open  bool
		soon  bool // it is not, but for what is still to be told
	}{
		"noticed":                        {nil, true, false},
		"synced":                         {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncUpdated)}}, false, false},
		"nothing to sync":                {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncInSync)}}, false, false},
		"an older sync":                  {[]step{{api.SyncIn{Seq: seq - 1}, sync(api.SyncUpdated)}}, true, false},
		"a full look":                    {[]step{{api.SyncIn{Full: true}, sync(api.SyncUpdated)}}, false, false},
		"to be built":                    {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncBuild)}}, true, false},
		"built":                          {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncBuild)}, {api.BuildImageIn{}, api.BuildImageOut{}}, {api.PushImageIn{}, nil}}, true, false},
		"built and applied":              {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncBuild)}, {api.BuildImageIn{}, api.BuildImageOut{}}, {api.ApplyIn{}, api.ApplyOut{}}}, false, false},
		"applied without it":             {[]step{{api.ApplyIn{}, api.ApplyOut{}}}, true, false},
		"failed":                         {[]step{{api.SyncIn{Seq: seq}, failed{}}}, true, true},
		"the build failed":               {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncBuild)}, {api.BuildImageIn{}, failed{}}}, true, true},
		"the apply failed":               {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncBuild)}, {api.BuildImageIn{}, api.BuildImageOut{}}, {api.ApplyIn{}, failed{}}}, true, true},
		"failed, and tried again":        {[]step{{api.SyncIn{Seq: seq}, failed{}}, {api.SyncIn{Seq: seq}, sync(api.SyncUpdated)}}, false, false},
		"waits for a container":          {[]step{{api.SyncIn{Seq: seq}, sync(api.SyncWaiting)}}, true, true},
		"waits to be triggered":          {[]step{{api.SyncIn{Seq: seq, Check: true}, sync(api.SyncUpdated)}}, true, true},
		"a full look that came too soon": {[]step{{api.SyncIn{Full: true, Resource: "began before"}, sync(api.SyncInSync)}}, true, false},
	} {
		h := &Host{}
		now := time.Now()
		h.changed.open = map[string]change{"web": {seq: seq, at: now}}
		for _, s := range test.steps {
			began := now.Add(time.Millisecond)
			switch in := s.in.(type) {
			case api.SyncIn:
				if in.Resource != "" {
					began = now.Add(-time.Millisecond)
				}
				in.Resource = "web"
				s.in = in
			case api.BuildImageIn:
				in.Resource = "web"
				s.in = in
			case api.PushImageIn:
				in.Resource = "web"
				s.in = in
			case api.ApplyIn:
				in.Resource = "web"
				s.in = in
			}
			h.compared(began, s.in, s.out)
		}
		if got := h.isOpen("web"); got != test.open {
			t.Errorf("%s: open %v", name, got)
		}
		if left := openLimit - time.Since(h.changed.open["web"].at); test.open && (left <= tellLimit) != test.soon {
			t.Errorf("%s: open for %s more", name, left)
		}
	}
}
