package api

import enumspb "go.temporal.io/api/enums/v1"

// Namespace is the Temporal namespace of all environments of the embedded server.
const Namespace = "default"

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
