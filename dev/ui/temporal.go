package ui

import (
	"fmt"
	"io/fs"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"
)

// Temporal returns the pages and the API of the Temporal UI for the frontend at address. It checks nothing: requests must
// come through a Guard. Unless write is set, it refuses requests that change workflows, and hides their buttons.
func Temporal(address, namespace string, write bool) (http.Handler, error) {
	cfg, err := config.NewConfigProviderWithRefresh(&config.Config{
		TemporalGRPCAddress: address,
		DefaultNamespace:    namespace,
		EnableUI:            true,
		DisableWriteActions: !write,
		DisableNewsFetch:    true, // no request leaves the machine
		HideLogs:            true,
	})
	if err != nil {
		return nil, fmt.Errorf("configure the Temporal UI: %w", err)
	}
	assets, err := ui.Assets()
	if err == nil {
		assets, err = fs.Sub(assets, "local") // as opposed to the pages for Temporal Cloud
	}
	if err != nil {
		return nil, fmt.Errorf("find the pages of the Temporal UI: %w", err)
	}
	e := echo.New()
	e.Use(middleware.Recover(), middleware.Gzip())
	if err := route.SetAPIRoutes(e, cfg, nil); err != nil {
		return nil, fmt.Errorf("set up the Temporal UI's API: %w", err)
	}
	if err := route.SetUIRoutes(e, "", assets); err != nil {
		return nil, fmt.Errorf("set up the Temporal UI's pages: %w", err)
	}
	route.SetRenderRoute(e, "")
	return e, nil
}
