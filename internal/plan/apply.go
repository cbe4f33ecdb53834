package plan

// ApplyVariable names the file that `envflow apply` hands objects of v1alpha1 to. It is set for commands that a Tiltfile runs while
// it is evaluated.
const ApplyVariable = "ENVFLOW_APPLY"
