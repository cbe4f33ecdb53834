package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/envflow/envflow/internal/failure"
)

// missingRight finds the right that is missing in the words of the API server.
var missingRight = regexp.MustCompile(`cannot (\S+) resource "([^"]+)" in API group "[^"]*"(?: in the namespace "([^"]+)")?`)

// classify says what is to be done about an error of the API. what names the object as "Deployment/web", or the action. An
// error that is classified already, or that says that the caller has given up, is returned as it is.
func (c *Cluster) classify(err error, what string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*failure.Error](err); ok {
		return err
	}
	full := fmt.Errorf("%s: %w", what, err)
	var status apierrors.APIStatus
	switch {
	case errors.Is(err, context.Canceled):
		return full
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "would exceed context deadline"):
		return failure.TransientError(full, "%s: the cluster did not answer in time", what)
	case meta.IsNoMatchError(err):
		return failure.UserError(full, "%s: the cluster does not know this kind; is its CustomResourceDefinition missing?", what)
	case errors.As(err, &status):
		return classifyStatus(full, status.Status(), what)
	default: // no answer at all
		return failure.Missing(fmt.Errorf("%w (context %s)", full, c.target.Context), failure.Cluster,
			"the cluster of context %s does not answer", c.target.Context)
	}
}

func classifyStatus(full error, status metav1.Status, what string) error {
	if fields := conflicts(full); len(fields) > 0 {
		return failure.UserError(full, "%s: %s belongs to %s, which does not let go of it", what, strings.TrimPrefix(fields[0].path, "."), fields[0].manager)
	}
	switch status.Code {
	case http.StatusUnauthorized:
		return failure.Missing(full, failure.Cluster, "the cluster does not accept the credentials of the kubeconfig: log in again")
	case http.StatusForbidden:
		if hasCause(status, "NamespaceTerminating") {
			return failure.TransientError(full, "%s: its namespace is being deleted", what)
		}
		if m := missingRight.FindStringSubmatch(status.Message); m != nil {
			where := "the cluster"
			if m[3] != "" {
				where = "namespace " + m[3]
			}
			return failure.UserError(full, "%s: no right to %s %s in %s", what, m[1], m[2], where)
		}
		return failure.UserError(full, "%s: rejected by the cluster (Forbidden)", what)
	case http.StatusNotFound:
		if status.Details != nil && status.Details.Kind == "namespaces" {
			return failure.UserError(full, "%s: there is no namespace %s", what, status.Details.Name)
		}
		return failure.TransientError(full, "%s: not found in the cluster", what)
	case http.StatusConflict, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return failure.TransientError(full, "%s: not accepted by the cluster yet (%s)", what, status.Reason)
	}
	if status.Code >= http.StatusInternalServerError {
		return failure.TransientError(full, "%s: the cluster failed (%s)", what, status.Reason)
	}
	return failure.UserError(full, "%s: rejected by the cluster (%s)", what, status.Reason)
}

func hasCause(status metav1.Status, kind metav1.CauseType) bool {
	return slices.ContainsFunc(causes(status), func(c metav1.StatusCause) bool { return c.Type == kind })
}

func causes(status metav1.Status) []metav1.StatusCause {
	if status.Details == nil {
		return nil
	}
	return status.Details.Causes
}

// immutableWords are in what the API server says of a field that only a new object can have another value of.
var immutableWords = []string{
	"immutable", "may not change", "may not be changed", "cannot change", "cannot be changed", "can not be changed",
	"updates to ", "may not be updated", "may not be unset", "pod updates may not",
}

// immutableFields returns the fields by which an update was refused, if all of them are refused for being immutable: a new
// object would be accepted. It is nil for any other error.
func immutableFields(err error) []string {
	var api apierrors.APIStatus
	if !errors.As(err, &api) || api.Status().Reason != metav1.StatusReasonInvalid {
		return nil
	}
	var fields []string
	for _, cause := range causes(api.Status()) {
		if !slices.ContainsFunc(immutableWords, func(words string) bool { return strings.Contains(cause.Message, words) }) {
			return nil
		}
		if !slices.Contains(fields, cause.Field) {
			fields = append(fields, cause.Field)
		}
	}
	return fields
}
