package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

var client = &http.Client{Timeout: 10 * time.Second}

// Call sends in as JSON to another service and decodes its answer into out; either may be nil. The headers that the context
// carries go along.
//
// That the other service objects (4xx) is an Error with its status and message; that it fails, or does not answer, is one
// with 502.
func Call(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return fmt.Errorf("prepare a request: %w", err)
	}
	for name, value := range Carried(ctx) {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return Errorf(http.StatusBadGateway, "%v", err)
	}
	defer response.Body.Close()
	content := json.NewDecoder(io.LimitReader(response.Body, maxBody))
	if response.StatusCode >= http.StatusBadRequest {
		return objection(response.StatusCode, url, content)
	}
	if out == nil {
		return nil
	}
	if err := content.Decode(out); err != nil {
		return Errorf(http.StatusBadGateway, "%s %s answers with no JSON: %v", method, url, err)
	}
	return nil
}

func objection(status int, url string, content *json.Decoder) error {
	var said struct{ Error string }
	if err := content.Decode(&said); err != nil || said.Error == "" {
		said.Error = fmt.Sprintf("%s answers with status %d", url, status)
	}
	if status >= http.StatusInternalServerError {
		status = http.StatusBadGateway
	}
	return &Error{status, said.Error}
}
