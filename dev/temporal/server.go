package temporal

import (
	"fmt"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives/timestamp"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	temporalserver "go.temporal.io/server/temporal"
	"google.golang.org/grpc"
)

// Version is the version of the Temporal server in this binary. It is also what a database file says it was written by.
const Version = headers.ServerVersion

// Options describe a server. All fields but Interceptors are needed.
type Options struct {
	Database         string                              // path of a SQLite file that OpenDatabase made ready
	Port             int                                 // of the frontend, on 127.0.0.1
	Token            string                              // what callers of the frontend must send as a bearer token
	Namespace        string                              // registered when the database is new
	Retention        time.Duration                       // how long the histories of closed workflows are kept
	SearchAttributes map[string]enumspb.IndexedValueType // registered with the namespace
	LogLevel         string                              // debug, info, warn or error
	Interceptors     []grpc.UnaryServerInterceptor       // see every call of the frontend, also of Temporal's own workers
}

// Server is an embedded Temporal server.
type Server struct {
	internal temporalserver.Server
	stopping *atomic.Bool
}

// New prepares a server. Its ports are open afterwards, but nothing answers before Start. The error matches
// syscall.EADDRINUSE if somebody else took a port in the meantime.
func New(o Options) (s *Server, err error) {
	defer recoverFatal(&err)
	ports, err := freePorts()
	if err != nil {
		return nil, err
	}
	cfg, err := o.config(ports)
	if err != nil {
		return nil, err
	}
	if err := o.createNamespace(cfg); err != nil {
		return nil, err
	}
	var stopping atomic.Bool
	internal, err := temporalserver.NewServer(
		temporalserver.WithConfig(cfg),
		temporalserver.ForServices(services),
		temporalserver.WithStaticHosts(o.hosts(ports)),
		temporalserver.WithLogger(newLogger(o.LogLevel, &stopping)),
		temporalserver.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporalserver.WithDynamicConfigClient(dynamicConfig()),
		temporalserver.WithAuthorizer(onlyAdmins{}),
		temporalserver.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return newTokenMapper(o.Token) }),
		temporalserver.WithChainedFrontendGrpcInterceptors(o.Interceptors...),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare Temporal: %w", err)
	}
	return &Server{internal: internal, stopping: &stopping}, nil
}

// Start brings the services up and returns once they listen.
func (s *Server) Start() error {
	if err := s.internal.Start(); err != nil {
		return fmt.Errorf("start Temporal: %w", err)
	}
	return nil
}

// Stop drains and ends the services. What was acknowledged before is on disk with or without it.
func (s *Server) Stop() error {
	s.stopping.Store(true)
	if err := s.internal.Stop(); err != nil {
		return fmt.Errorf("stop Temporal: %w", err)
	}
	return nil
}

func (o Options) createNamespace(cfg *config.Config) error {
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, o.SearchAttributes)
	if err != nil {
		return fmt.Errorf("describe namespace %s: %w", o.Namespace, err)
	}
	ns.Detail.Config.Retention = timestamp.DurationPtr(o.Retention)
	if err := sqliteschema.CreateNamespaces(cfg.Persistence.DataStores[storeName].SQL, ns); err != nil {
		return fmt.Errorf("create namespace %s: %w", o.Namespace, err)
	}
	return nil
}
