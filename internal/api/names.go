package api

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
)

// Namespace is the Temporal namespace of all environments of the embedded server.
const Namespace = "default"

// WorkflowTaskTimeout is how long a worker may take for one task of a workflow of ours. They take milliseconds; a worker that
// was killed in the middle of one keeps its workflow waiting for so long.
const WorkflowTaskTimeout = 2 * time.Second

// Keys of the search attributes that make the Temporal UI readable on its own. All are keywords.
const (
	AttributeProject     = "EnvflowProject"     // name of the project
	AttributeEnvironment = "EnvflowEnvironment" // environment ID
	AttributeUser        = "EnvflowUser"        // user@host
	AttributeResource    = "EnvflowResource"    // name of the resource
	AttributeState       = "EnvflowState"       // what the workflow is at
)

// SearchAttributes returns the types of all search attributes, as a server registers them.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	all := map[string]enumspb.IndexedValueType{}
	for _, key := range []string{AttributeProject, AttributeEnvironment, AttributeUser, AttributeResource, AttributeState} {
		all[key] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	return all
}

// Attributes returns the search attributes of a workflow. resource is "" for that of an environment.
func Attributes(project, environment, user, resource string) temporal.SearchAttributes {
	values := []temporal.SearchAttributeUpdate{
		temporal.NewSearchAttributeKeyKeyword(AttributeProject).ValueSet(project),
		temporal.NewSearchAttributeKeyKeyword(AttributeEnvironment).ValueSet(environment),
		temporal.NewSearchAttributeKeyKeyword(AttributeUser).ValueSet(user),
	}
	if resource != "" {
		values = append(values, temporal.NewSearchAttributeKeyKeyword(AttributeResource).ValueSet(resource))
	}
	return temporal.NewSearchAttributes(values...)
}
