package temporal

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
	storeName   = "sqlite"
)

// services are those that run workflows. Temporal's worker service, which runs system workflows (schedules, batches, scans
// for what a failed write has left behind), is not among them: nothing of ours needs it, and it costs a third of an idle
// server's processor time, and half a second of each start (ADR 0011). internal-frontend is what services call that need a
// frontend: with it, the one that people and programs reach needs no exception for them.
var services = []string{
	string(primitives.FrontendService), string(primitives.InternalFrontendService), string(primitives.HistoryService),
	string(primitives.MatchingService),
}

// config returns the static configuration. ports are for the services that only Temporal itself calls.
func (o Options) config(ports map[primitives.ServiceName]int) (*config.Config, error) {
	internode, err := newMutualTLS(time.Now())
	if err != nil {
		return nil, err
	}
	disabled := "disabled"
	return &config.Config{
		Global: config.Global{
			Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback},
			// No frontend TLS: a token over loopback needs none, and Temporal's own tools connect without certificates.
			TLS: config.RootTLS{Internode: internode},
		},
		Persistence: config.Persistence{
			DefaultStore: storeName, VisibilityStore: storeName,
			NumHistoryShards: 1, // more would only multiply pollers: there is one process and one database connection
			DataStores:       map[string]config.DataStore{storeName: {SQL: sqlConfig(o.Database)}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: o.frontendAddress()},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            o.services(ports),
		Archival: config.Archival{
			History: config.HistoryArchival{State: disabled}, Visibility: config.VisibilityArchival{State: disabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History: config.HistoryArchivalNamespaceDefaults{State: disabled}, Visibility: config.VisibilityArchivalNamespaceDefaults{State: disabled},
		}},
	}, nil
}

// sqlConfig returns how Temporal opens the database file. Write-ahead logging with synchronous=normal survives kill -9
// at any moment, and a power cut costs at most the last transactions, never the file.
func sqlConfig(path string) *config.SQL {
	return &config.SQL{
		PluginName: sqlite.PluginName,
		// It becomes a part of a file: URI.
		DatabaseName:      (&url.URL{Path: path}).EscapedPath(),
		ConnectAttributes: map[string]string{"mode": "rw", "journal_mode": "wal", "synchronous": "normal", "busy_timeout": "5000"},
	}
}

func (o Options) frontendAddress() string { return net.JoinHostPort(loopback, strconv.Itoa(o.Port)) }

func (o Options) services(ports map[primitives.ServiceName]int) map[string]config.Service {
	all := map[string]config.Service{}
	for service, port := range o.allPorts(ports) {
		// No HTTPPort: the HTTP API would be one more door.
		all[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	return all
}

// hosts replaces the gossip by which the services of a cluster find each other.
func (o Options) hosts(ports map[primitives.ServiceName]int) map[primitives.ServiceName]static.Hosts {
	all := map[primitives.ServiceName]static.Hosts{}
	for service, port := range o.allPorts(ports) {
		all[service] = static.SingleLocalHost(net.JoinHostPort(loopback, strconv.Itoa(port)))
	}
	all[primitives.WorkerService] = static.SingleLocalHost(net.JoinHostPort(loopback, "0")) // Temporal wants it said, and calls nobody there
	return all
}

func (o Options) allPorts(internal map[primitives.ServiceName]int) map[primitives.ServiceName]int {
	all := map[primitives.ServiceName]int{primitives.FrontendService: o.Port}
	for service, port := range internal {
		all[service] = port
	}
	return all
}

// freePorts returns a port that nobody listens on for each service but the frontend.
func freePorts() (map[primitives.ServiceName]int, error) {
	ports := map[primitives.ServiceName]int{}
	for _, service := range services {
		if service == string(primitives.FrontendService) {
			continue
		}
		// All stay open until the last is found, so that no port comes twice.
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0")) //nolint:noctx // binds, connects to nobody
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		ports[primitives.ServiceName(service)] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
