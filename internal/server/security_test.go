package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdkclient "go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/testenv/devserver"
)

// startWorkflow tries to start a workflow, which is all it takes to run commands on the laptop.
func startWorkflow(ctx context.Context, address string, transport credentials.TransportCredentials, authorization string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if authorization != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", authorization)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, err = workflowservice.NewWorkflowServiceClient(conn).StartWorkflowExecution(ctx, &workflowservice.StartWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: "intruder", RequestId: "1", Identity: "intruder",
		WorkflowType:          &commonpb.WorkflowType{Name: "intruder"},
		TaskQueue:             &taskqueuepb.TaskQueue{Name: "intruder"},
		WorkflowIdReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	return err
}

func TestServer_FrontendDemandsTheToken(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	r := devserver.Start(t, h)
	token, err := h.Token()
	if err != nil {
		t.Fatal(err)
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer x", "bearer " + token[1:], token, "Basic " + token, "Bearer " + strings.ToUpper(token)} {
		if err := startWorkflow(t.Context(), r.Address, insecure.NewCredentials(), authorization); status.Code(err) != codes.PermissionDenied {
			t.Errorf("authorization %q: %v, want permission denied", strings.ReplaceAll(authorization, token, "<token>"), err)
		}
	}
	if err := startWorkflow(t.Context(), r.Address, insecure.NewCredentials(), "Bearer "+token); err != nil && status.Code(err) != codes.AlreadyExists {
		t.Errorf("with the token: %v", err)
	}
}

// The ports of Temporal's internal services have no token, but they talk to holders of their certificate only: not even
// a health check, which all of them serve, gets an answer.
func TestServer_InternalPortsAreClosed(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	r := devserver.Start(t, h)
	addresses := listening(t, r.PID)
	if len(addresses) < 5 { // frontend, UI, internal-frontend, history and matching
		t.Fatalf("the server listens on %v only", addresses)
	}
	for _, address := range addresses {
		if !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("the server listens on %s, which is not loopback", address)
		}
		if address == r.Address || "http://"+address == r.UI {
			continue // tested by themselves
		}
		for how, transport := range map[string]credentials.TransportCredentials{
			"plain": insecure.NewCredentials(),
			"TLS":   credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
		} {
			// Unavailable is a closed connection. DeadlineExceeded is silence: a port is open before its service serves there.
			switch err := checkHealth(t.Context(), address, transport); status.Code(err) {
			case codes.Unavailable, codes.DeadlineExceeded:
			default:
				t.Errorf("%s answers a stranger over %s: %v", address, how, err)
			}
		}
	}
}

func checkHealth(ctx context.Context, address string, transport credentials.TransportCredentials) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, err = healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// Whoever takes the port of a server that has ended gets neither the token of the next one nor a worker to command.
func TestServer_AStrangerOnItsPortGetsNothing(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	r := devserver.Start(t, h)
	c := devserver.Dial(t, h)
	crash(t, h)
	stranger, err := net.Listen("tcp", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	visits := make(chan string, 1)
	go func() {
		if conn, err := stranger.Accept(); err == nil {
			visits <- conn.RemoteAddr().String()
			_ = conn.Close()
		}
	}()
	// The client goes on trying while the next server comes up on another port.
	ask := func() error {
		_, err := c.CheckHealth(t.Context(), &sdkclient.CheckHealthRequest{})
		return err
	}
	asking := make(chan error, 1)
	go func() { asking <- ask() }()
	again := devserver.Start(t, h)
	if again.Address == r.Address {
		t.Fatal("the stranger's port was not taken")
	}
	<-asking
	eventually(t, "the client to find the next server", func() bool {
		_, err := c.WorkflowService().GetSystemInfo(t.Context(), &workflowservice.GetSystemInfoRequest{})
		return err == nil
	})
	select {
	case who := <-visits:
		t.Errorf("the client connected to the stranger (from %s)", who)
	default:
	}
}

// Wrong tokens are not worth a line: any local user could fill the disk with them.
func TestServer_DoesNotLogWrongTokens(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	r := devserver.Start(t, h)
	before, err := os.ReadFile(h.Files().Log)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := startWorkflow(t.Context(), r.Address, insecure.NewCredentials(), "Bearer x"); status.Code(err) != codes.PermissionDenied {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(h.Files().Log)
	if err != nil || len(after) > len(before) {
		t.Errorf("the log grew by %d bytes (%v): %s", len(after)-len(before), err, after[len(before):])
	}
}

// Only this user can read what the server writes, also where a file is copied out of its folder.
func TestServer_FilesAreItsUsersAlone(t *testing.T) {
	t.Parallel()
	h := devserver.New(t)
	r := devserver.Start(t, h)
	err := filepath.WalkDir(h.Files().Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(r.Socket); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

// Another user of the machine gets nowhere, whichever door he tries.
func TestServer_KeepsOtherUsersOut(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	r := devserver.Start(t, h)
	out := asNobody(t, "ENVFLOW_TEST_INTRUDER="+strings.Join([]string{r.Address, r.UI, r.Socket, h.Files().Token}, " "))
	const want = "frontend refused\nsocket refused\ntoken refused\nUI refused\n"
	if out != want {
		t.Errorf("another user sees:\n%swant:\n%s", out, want)
	}
}

// intrude is what runs as the other user. It prints one line a door.
func intrude(args string) {
	doors := strings.Fields(args)
	address, ui, socket, token := doors[0], doors[1], doors[2], doors[3]
	say := func(door string, refused bool, err any) {
		if refused {
			fmt.Fprintln(os.Stdout, door, "refused")
		} else {
			fmt.Fprintln(os.Stdout, door, "OPEN:", err)
		}
	}
	err := startWorkflow(context.Background(), address, insecure.NewCredentials(), "")
	say("frontend", status.Code(err) == codes.PermissionDenied, err)
	_, err = net.Dial("unix", socket)
	say("socket", errors.Is(err, fs.ErrPermission), err)
	_, err = os.ReadFile(token)
	say("token", errors.Is(err, fs.ErrPermission), err)
	resp, err := http.Get(ui + "/api/v1/namespaces")
	say("UI", err == nil && resp.StatusCode == http.StatusUnauthorized, err)
}

// The three requests that a web page can make a browser send, against the real server. All that Guard refuses has its
// test in dev/ui.
func TestServer_UIRefusesOtherSites(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	r := devserver.Start(t, h)
	link, err := h.Login(t.Context(), server.LoginRequest{Path: "/", Write: true})
	if err != nil {
		t.Fatal(err)
	}
	resp := request(t, http.MethodGet, link.URL, nil)
	cookie := resp.Header.Get("Set-Cookie")
	if resp.StatusCode != http.StatusOK || cookie == "" {
		t.Fatalf("login: %s", resp.Status)
	}
	cookie, _, _ = strings.Cut(cookie, ";")
	port := r.UI[strings.LastIndex(r.UI, ":"):]
	api := r.UI + "/api/v1/namespaces/default/workflows/" + url.PathEscape("stolen")

	for name, test := range map[string]struct {
		method, url string
		header      map[string]string
		want        int
	}{
		"our page":           {http.MethodGet, r.UI + "/api/v1/namespaces", map[string]string{"Cookie": cookie}, http.StatusOK},
		"our page starts":    {http.MethodPost, api, map[string]string{"Cookie": cookie, "Origin": r.UI}, http.StatusOK},
		"DNS rebinding":      {http.MethodGet, r.UI + "/api/v1/namespaces", map[string]string{"Cookie": cookie, "Host": "evil.example" + port}, http.StatusForbidden},
		"cross-site POST":    {http.MethodPost, api, map[string]string{"Cookie": cookie, "Origin": "https://evil.example"}, http.StatusForbidden},
		"any bearer token":   {http.MethodPost, api, map[string]string{"Authorization": "Bearer x", "Origin": r.UI}, http.StatusUnauthorized},
		"no login":           {http.MethodPost, api, map[string]string{"Origin": r.UI}, http.StatusUnauthorized},
		"the link once more": {http.MethodGet, link.URL, nil, http.StatusUnauthorized},
	} {
		resp := request(t, test.method, test.url, test.header)
		if resp.StatusCode != test.want {
			text, _ := io.ReadAll(resp.Body)
			t.Errorf("%s: %s, want %d: %.300s", name, resp.Status, test.want, text)
		}
	}
}

// A session is for looking only, unless it was asked for with --write.
func TestServer_UIWritesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	_, h := devserver.Shared(t)
	r := devserver.Start(t, h)
	link, err := h.Login(t.Context(), server.LoginRequest{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(request(t, http.MethodGet, link.URL, nil).Header.Get("Set-Cookie"), ";")
	resp := request(t, http.MethodPost, r.UI+"/api/v1/namespaces/default/workflows/x", map[string]string{"Cookie": cookie, "Origin": r.UI})
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a reader starts a workflow: %s", resp.Status)
	}
}

// request sends what a browser would; the body starts a workflow where the URL is that of one.
func request(t *testing.T, method, target string, header map[string]string) *http.Response {
	t.Helper()
	body := io.Reader(http.NoBody)
	if method == http.MethodPost {
		body = strings.NewReader(`{"workflowType":{"name":"stolen"},"taskQueue":{"name":"stolen"},"requestId":"` + devserver.UniqueName(t) + `","workflowIdReusePolicy":"WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE","workflowIdConflictPolicy":"WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"}`)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Host = req.Header.Get("Host")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
