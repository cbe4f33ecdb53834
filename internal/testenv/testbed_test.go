package testenv_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/envflow/envflow/internal/testenv"
)

func TestRoot_HoldsTheModule(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(testenv.Root(t), "internal", "testenv", "root.go")); err != nil {
		t.Error(err)
	}
}

func TestEventually_ReturnsOnTheFirstSuccess(t *testing.T) {
	t.Parallel()
	calls := 0
	testenv.Eventually(t, time.Minute, "third call", func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if calls != 3 {
		t.Errorf("%d calls, want 3", calls)
	}
}

// The environment offers a cluster: nothing is started, and fault tests keep off it.
func TestTestbed_TakesTheOfferedCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("the testbed is skipped under -short whatever is offered")
	}
	t.Setenv("ENVFLOW_TEST_CONTEXT", "kind-mine")
	t.Setenv("ENVFLOW_TEST_REGISTRY", "localhost:5001")
	t.Setenv("KUBECONFIG", "/some/kubeconfig")
	want := testenv.Cluster{Kubeconfig: "/some/kubeconfig", Context: "kind-mine", Registry: "localhost:5001"}
	if got := testenv.Testbed(t); *got != want {
		t.Errorf("Testbed = %+v, want %+v", *got, want)
	}
	skipped := false
	t.Run("a fault test is skipped", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		testenv.TestbedExclusive(t)
	})
	if !skipped {
		t.Error("a fault test got the offered cluster")
	}
}
