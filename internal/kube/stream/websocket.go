package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	gwebsocket "github.com/gorilla/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	remotecommandconsts "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/websocket"
	utilexec "k8s.io/client-go/util/exec"
)

// quietExecutor runs a command over a websocket, as client-go's executor does, but for one thing: while nothing is to be said it
// says nothing. client-go pings every connection every 5 s, which with the streams of 20 containers keeps a laptop awake;
// the pool looks after its streams itself, with a question to the shell at their other end.
type quietExecutor struct {
	config *rest.Config
	url    string
}

func (e *quietExecutor) Stream(o remotecommand.StreamOptions) error {
	return e.StreamWithContext(context.Background(), o) //nolint:forbidigo // client-go's interface wants it; nobody calls it
}

func (e *quietExecutor) StreamWithContext(ctx context.Context, o remotecommand.StreamOptions) error {
	conn, err := e.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if o.Stdin != nil {
		go send(conn, o.Stdin) // ends with the connection: what is read after that cannot be sent
	}
	err = receive(conn, o)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (e *quietExecutor) dial(ctx context.Context) (*gwebsocket.Conn, error) {
	tripper, holder, err := websocket.RoundTripperFor(e.config)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return websocket.Negotiate(tripper, holder, req, remotecommandconsts.StreamProtocolV5Name)
}

// The first byte of a message names its stream; the last one of these closes a stream, which the byte after it names.
const closing = 255

// send sends what it reads, and then that this was all.
func send(conn *gwebsocket.Conn, stdin io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := stdin.Read(buf[1:])
		if n > 0 {
			buf[0] = remotecommandconsts.StreamStdIn
			if conn.WriteMessage(gwebsocket.BinaryMessage, buf[:1+n]) != nil {
				return // receive sees it too
			}
		}
		if err != nil {
			_ = conn.WriteMessage(gwebsocket.BinaryMessage, []byte{closing, remotecommandconsts.StreamStdIn}) // as above
			return
		}
	}
}

// receive hands on what the command prints, until it has ended.
func receive(conn *gwebsocket.Conn, o remotecommand.StreamOptions) error {
	var status []byte
	for {
		_, data, err := conn.ReadMessage()
		if len(status) > 0 && err != nil {
			return exitOf(status)
		}
		if err != nil {
			return err
		}
		if len(data) == 0 {
			continue
		}
		var to io.Writer
		switch data[0] {
		case remotecommandconsts.StreamStdOut:
			to = o.Stdout
		case remotecommandconsts.StreamStdErr:
			to = o.Stderr
		case remotecommandconsts.StreamErr:
			status = append(status, data[1:]...)
		}
		if to == nil {
			continue
		}
		if _, err := to.Write(data[1:]); err != nil {
			return err
		}
	}
}

// exitOf reads how the command ended.
func exitOf(data []byte) error {
	var status metav1.Status
	if err := json.Unmarshal(data, &status); err != nil {
		return fmt.Errorf("read how the command ended: %w", err)
	}
	if status.Status == metav1.StatusSuccess {
		return nil
	}
	if status.Reason == remotecommandconsts.NonZeroExitCodeReason && status.Details != nil {
		for _, cause := range status.Details.Causes {
			if code, err := strconv.ParseUint(cause.Message, 10, 8); cause.Type == remotecommandconsts.ExitCodeCauseType && err == nil {
				return utilexec.CodeExitError{Err: fmt.Errorf("exit code %d", code), Code: int(code)}
			}
		}
	}
	return errors.New(status.Message)
}
