package dev

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/envflow/envflow/internal/fault"
	"github.com/envflow/envflow/internal/server"
	"github.com/envflow/envflow/internal/state"
)

// newToken makes the secret of this start and puts it where only this user can read it.
func newToken(files server.Files) (string, error) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, says its documentation
	token := hex.EncodeToString(b)
	return token, state.WriteFile(files.Token, []byte(token+"\n"))
}

// waitReady returns once the frontend answers for the namespace.
func waitReady(ctx context.Context, r server.Record, token string) error {
	conn, err := grpc.NewClient(r.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer func() { _ = conn.Close() }()
	frontend := workflowservice.NewWorkflowServiceClient(conn)
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), readyPatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := frontend.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: r.Namespace})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(err, fault.Failure, "see `envflow server logs`", "Temporal did not get ready")
		case <-tick.C:
		}
	}
}
