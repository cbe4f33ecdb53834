package api

// table has an entry for each builtin. The order of fields is Tilt's.
var table = []*spec{
	cmdObject, configMap, extension, extensionRepo, fileWatch, kubernetesApply, kubernetesDiscovery, uiButton,
	configMapDisableSource, disableSource, execAction, forward, httpGetAction, httpHeader, handler, ignoreDef, kubernetesApplyCmd,
	kubernetesDiscoveryTemplateSpec, kubernetesImageLocator, kubernetesImageObjectDescriptor, kubernetesWatchRef, labelSelector,
	labelSelectorRequirement, objectSelector, podLogStreamTemplateSpec, portForwardTemplateSpec, probe, restartOnSpec, startOnSpec,
	tcpSocketAction, uiBoolInputSpec, uiChoiceInputSpec, uiComponentLocation, uiHiddenInputSpec, uiInputSpec, uiTextInputSpec,
}

// thisFolder is the fallback of paths that start from the file that is executed.
const thisFolder = "."

// Objects.
var (
	cmdObject = &spec{
		name: "cmd", kind: "Cmd",
		text: "Registers a command of this machine.",
		fields: []field{
			{name: "args", takes: texts, text: "the command and its arguments; no shell reads them"},
			{name: "dir", takes: path, fallback: thisFolder, text: "the folder it runs in; that of the file being executed if not given"},
			{name: "env", takes: texts, text: "variables, as `NAME=value`, added to those that envflow has"},
			{name: "readiness_probe", takes: one(probe), text: "when it is ready; at once if not given"},
			{name: "restart_on", takes: one(restartOnSpec), text: "what makes it start again"},
			{name: "start_on", takes: one(startOnSpec), text: "what makes it start; given this, it does not start by itself"},
			{name: "disable_source", takes: one(disableSource), text: "what switches it off"},
		},
		check: checkArgs,
	}
	configMap = &spec{
		name: "config_map", kind: "ConfigMap",
		text: "Registers data that other objects read.\n\nIt is no ConfigMap of the cluster: `k8s_yaml` makes those.",
		fields: []field{
			{name: "data", takes: pairs, text: "values by key"},
		},
		check: checkConfigMap,
	}
	extension = &spec{
		name: "extension", kind: "Extension",
		text: "Registers an extension: a folder with a Tiltfile in a repository.\n\n`load('ext://name', ...)` then finds it by this name.",
		fields: []field{
			{name: "repo_name", takes: text, text: "the name of the `extension_repo`"},
			{name: "repo_path", takes: text, text: "the folder in the repository; its root if not given"},
			{name: "args", takes: texts, text: "arguments for the extension's Tiltfile"},
		},
		check: required("repoName", "repo_name"),
	}
	extensionRepo = &spec{
		name: "extension_repo", kind: "ExtensionRepo",
		text: "Registers a repository of extensions.",
		fields: []field{
			{name: "url", takes: text, text: "`https://...` of a git repository, or `file://` and an absolute path"},
			{name: "ref", takes: text, text: "the tag or commit to use; the newest of the default branch if not given"},
			{name: "load_host", takes: text, text: "extensions of this repository can be loaded as `ext://load_host/name` without an `extension` for each"},
			{name: "git_subpath", takes: text, text: "the folder in the repository that has the extensions"},
		},
		check: checkExtensionRepo,
	}
	fileWatch = &spec{
		name: "file_watch", kind: "FileWatch",
		text: "Registers files whose changes start or restart other objects.",
		fields: []field{
			{name: "watched_paths", takes: paths, text: "files, and folders with all below them"},
			{name: "ignores", takes: many(ignoreDef), text: "what of it does not matter"},
			{name: "disable_source", takes: one(disableSource), text: "what switches it off"},
		},
		check: required("watchedPaths", "watched_paths"),
	}
	kubernetesApply = &spec{
		name: "kubernetes_apply", kind: "KubernetesApply",
		text: "Registers objects to apply to the cluster: YAML, or commands that do it.",
		fields: []field{
			{name: "yaml", takes: text, text: "the YAML; excludes `apply_cmd`"},
			{name: "image_maps", takes: texts, text: "names of the image maps it needs"},
			{name: "image_locators", takes: many(kubernetesImageLocator), text: "where else than in containers the YAML names images"},
			{name: "timeout", takes: span, text: "for the whole apply, such as `30s`, which holds if not given"},
			{name: "kubernetes_discovery_template_spec", takes: one(kubernetesDiscoveryTemplateSpec), text: "how its pods are found"},
			{name: "port_forward_template_spec", takes: one(portForwardTemplateSpec), text: "ports of its pods that this machine gets"},
			{name: "pod_log_stream_template_spec", takes: one(podLogStreamTemplateSpec), text: "which logs of its pods are shown"},
			{name: "discovery_strategy", takes: oneOf("default", "selectors-only"), text: "whether owners count for its pods, or selectors only"},
			{name: "disable_source", takes: one(disableSource), text: "what switches it off"},
			{name: "apply_cmd", takes: one(kubernetesApplyCmd), text: "the command that applies and prints the YAML of what it applied; excludes `yaml`"},
			{name: "restart_on", takes: one(restartOnSpec), text: "what makes it apply again"},
			{name: "delete_cmd", takes: one(kubernetesApplyCmd), text: "the command that deletes; needs `apply_cmd`"},
			{name: "cluster", takes: text, text: "the name of the cluster object"},
			{name: "server_side_apply", takes: oneOf("auto", "true", "false"), text: "as `k8s_server_side_apply` of `update_settings`"},
		},
		check: checkKubernetesApply,
	}
	kubernetesDiscovery = &spec{
		name: "kubernetes_discovery", kind: "KubernetesDiscovery",
		text: "Registers pods of the cluster to follow.",
		fields: []field{
			{name: "watches", takes: many(kubernetesWatchRef), text: "the objects whose pods are followed"},
			{name: "extra_selectors", takes: many(labelSelector), text: "pods that count too, whoever owns them"},
			{name: "port_forward_template_spec", takes: one(portForwardTemplateSpec), text: "ports of the pods that this machine gets"},
			{name: "pod_log_stream_template_spec", takes: one(podLogStreamTemplateSpec), text: "which logs of the pods are shown"},
			{name: "cluster", takes: text, text: "the name of the cluster object"},
		},
		check: required("watches", "watches"),
	}
	uiButton = &spec{
		name: "ui_button", kind: "UIButton",
		text: "Registers a button of the dashboard.\n\nWhat a click does is up to the objects that name it in `start_on` or `restart_on`.",
		fields: []field{
			{name: "location", takes: one(uiComponentLocation), text: "where it is"},
			{name: "text", takes: text, text: "what is on it"},
			{name: "icon_name", takes: text, text: "the name of an icon of Material Icons"},
			{name: "icon_svg", json: "iconSVG", takes: text, text: "an `<svg>` of 24 by 24; counts more than `icon_name`"},
			{name: "disabled", takes: flag, text: "it is shown, and cannot be clicked"},
			{name: "requires_confirmation", takes: flag, text: "a click asks for a second one"},
			{name: "inputs", takes: many(uiInputSpec), text: "what is asked for before the click counts"},
		},
		check: checkUIButton,
		example: `v1alpha1.ui_button("seed", text="Seed the database", location=v1alpha1.ui_component_location("db", "Resource"))
v1alpha1.cmd("seed", args=["./seed.sh"], start_on={"ui_buttons": ["seed"]})`,
	}
)

// Values that objects are made of.
var (
	configMapDisableSource = &spec{
		name: "config_map_disable_source",
		text: "Makes a key of a `config_map` that switches something off.",
		fields: []field{
			{name: "name", takes: text, text: "the name of the `config_map`"},
			{name: "key", takes: text, text: "its key; `true` switches off"},
		},
		check: required("name", "name", "key", "key"),
	}
	disableSource = &spec{
		name: "disable_source",
		text: "Says what switches an object off.",
		fields: []field{
			{name: "config_map", takes: one(configMapDisableSource), text: "one key"},
			{name: "every_config_map", takes: many(configMapDisableSource), text: "several keys, which must all say so"},
		},
	}
	execAction = &spec{
		name: "exec_action",
		text: "Makes a probe that runs a command.\n\nExit code 0 is a success.",
		fields: []field{
			{name: "command", takes: texts, text: "the command and its arguments; no shell reads them"},
		},
		check: required("command", "command"),
	}
	forward = &spec{
		name: "forward",
		text: "Makes a forward of a port of a pod.",
		fields: []field{
			{name: "local_port", takes: port, text: "the port of this machine; a free one if not given"},
			{name: "container_port", takes: port, text: "the port of the pod"},
			{name: "host", takes: text, text: "the address of this machine; `localhost` if not given"},
			{name: "name", takes: text, text: "what is shown"},
			{name: "path", takes: text, text: "of the link that is shown"},
		},
		check: required("containerPort", "container_port"),
	}
	httpGetAction = &spec{
		name: "http_get_action",
		text: "Makes a probe that asks over HTTP.\n\nA status of at least 200 and below 400 is a success.",
		fields: []field{
			{name: "path", takes: text, text: "`/` if not given"},
			{name: "port", takes: port, text: "the port"},
			{name: "host", takes: text, text: "`localhost` if not given"},
			{name: "scheme", takes: oneOf("HTTP", "HTTPS"), text: "`HTTP` if not given"},
			{name: "http_headers", takes: many(httpHeader), text: "headers to send"},
		},
		check: required("port", "port"),
	}
	httpHeader = &spec{
		name: "http_header",
		text: "Makes a header of an `http_get_action`.",
		fields: []field{
			{name: "name", takes: text, text: "its name"},
			{name: "value", takes: text, text: "its value"},
		},
		check: required("name", "name"),
	}
	handler = &spec{
		name: "handler",
		text: "Makes what a probe does: exactly one of these.",
		fields: []field{
			{name: "exec", takes: one(execAction), text: "runs a command"},
			{name: "http_get", takes: one(httpGetAction), text: "asks over HTTP"},
			{name: "tcp_socket", takes: one(tcpSocketAction), text: "connects to a port"},
		},
		check: exactlyOne("exec", "exec", "httpGet", "http_get", "tcpSocket", "tcp_socket"),
	}
	ignoreDef = &spec{
		name: "ignore_def",
		text: "Makes patterns of files that do not matter.",
		fields: []field{
			{name: "base_path", takes: path, text: "the folder the patterns are relative to"},
			{name: "patterns", takes: texts, text: "as in .dockerignore; everything below `base_path` if not given"},
		},
		check: required("basePath", "base_path"),
	}
	kubernetesApplyCmd = &spec{
		name: "kubernetes_apply_cmd",
		text: "Makes a command for `kubernetes_apply`.",
		fields: []field{
			{name: "args", takes: texts, text: "the command and its arguments; no shell reads them"},
			{name: "dir", takes: path, fallback: thisFolder, text: "the folder it runs in; that of the file being executed if not given"},
			{name: "env", takes: texts, text: "variables, as `NAME=value`, added to those that envflow has"},
		},
		check: checkArgs,
	}
	kubernetesDiscoveryTemplateSpec = &spec{
		name: "kubernetes_discovery_template_spec",
		text: "Says how the pods of a `kubernetes_apply` are found.",
		fields: []field{
			{name: "extra_selectors", takes: many(labelSelector), text: "pods that count too, whoever owns them"},
		},
	}
	kubernetesImageLocator = &spec{
		name: "kubernetes_image_locator",
		text: "Says where objects name an image, besides their containers.",
		fields: []field{
			{name: "object_selector", takes: one(objectSelector), text: "which objects"},
			{name: "path", takes: text, text: "JSONPath of the image in them"},
			{name: "object", takes: one(kubernetesImageObjectDescriptor), text: "if name and tag are fields of their own"},
		},
		check: required("path", "path"),
	}
	kubernetesImageObjectDescriptor = &spec{
		name: "kubernetes_image_object_descriptor",
		text: "Names the fields of an image that is an object.",
		fields: []field{
			{name: "repo_field", takes: text, text: "the field with the name of the image"},
			{name: "tag_field", takes: text, text: "the field with its tag"},
		},
		check: required("repoField", "repo_field", "tagField", "tag_field"),
	}
	kubernetesWatchRef = &spec{
		name: "kubernetes_watch_ref",
		text: "Names an object of the cluster whose pods are followed.",
		fields: []field{
			{name: "uid", takes: text, text: "of the object, or of what owns it; any of the namespace if not given"},
			{name: "namespace", takes: text, text: "its namespace"},
			{name: "name", takes: text, text: "its name, for people"},
		},
		check: required("namespace", "namespace"),
	}
	labelSelector = &spec{
		name: "label_selector",
		text: "Makes a selector of labels, as Kubernetes has it: all conditions must hold.",
		fields: []field{
			{name: "match_labels", takes: pairs, text: "values by label"},
			{name: "match_expressions", takes: many(labelSelectorRequirement), text: "other conditions"},
		},
		check: checkLabelSelector,
	}
	labelSelectorRequirement = &spec{
		name: "label_selector_requirement",
		text: "Makes a condition of a `label_selector`.",
		fields: []field{
			{name: "key", takes: text, text: "the label"},
			{name: "operator", takes: oneOf("In", "NotIn", "Exists", "DoesNotExist"), text: "what is asked of it"},
			{name: "values", takes: texts, text: "for `In` and `NotIn`"},
		},
		check: required("key", "key", "operator", "operator"),
	}
	objectSelector = &spec{
		name: "object_selector",
		text: "Selects objects of the cluster.\n\nAll that is given must match.",
		fields: []field{
			{name: "api_version_regexp", takes: pattern, text: "what it must match"},
			{name: "kind_regexp", takes: pattern, text: "what it must match"},
			{name: "name_regexp", takes: pattern, text: "what it must match"},
			{name: "namespace_regexp", takes: pattern, text: "what it must match"},
		},
	}
	podLogStreamTemplateSpec = &spec{
		name: "pod_log_stream_template_spec",
		text: "Says which logs of pods are shown.",
		fields: []field{
			{name: "since_time", takes: moment, text: "nothing older than this, such as `2026-01-31T12:00:00Z`"},
			{name: "only_containers", takes: texts, text: "names of containers; all if not given"},
			{name: "ignore_containers", takes: texts, text: "names of containers to leave out"},
		},
	}
	portForwardTemplateSpec = &spec{
		name: "port_forward_template_spec",
		text: "Says which ports of pods this machine gets.",
		fields: []field{
			{name: "forwards", takes: many(forward), text: "at least one"},
		},
		check: checkForwards,
	}
	probe = &spec{
		name: "probe",
		text: "Says when a `cmd` is ready.\n\nAs a dict it takes the fields of `handler` too. It is not the `probe` that `local_resource` takes.",
		fields: []field{
			{name: "handler", takes: one(handler), inline: handler, text: "what it does"},
			{name: "initial_delay_seconds", takes: number, text: "how long to wait before the first time; 0 if not given"},
			{name: "timeout_seconds", takes: number, text: "when it counts as failed; 1 if not given"},
			{name: "period_seconds", takes: number, text: "how often it is done; 10 if not given"},
			{name: "success_threshold", takes: number, text: "successes in a row that make it ready; 1 if not given"},
			{name: "failure_threshold", takes: number, text: "failures in a row that make it not ready; 3 if not given"},
		},
		check: exactlyOne("exec", "exec", "httpGet", "http_get", "tcpSocket", "tcp_socket"),
	}
	restartOnSpec = &spec{
		name: "restart_on_spec",
		text: "Says what makes an object start again.",
		fields: []field{
			{name: "file_watches", takes: texts, text: "names of `file_watch` objects"},
			{name: "ui_buttons", takes: texts, text: "names of `ui_button` objects"},
		},
	}
	startOnSpec = &spec{
		name: "start_on_spec",
		text: "Says what makes an object start.",
		fields: []field{
			{name: "start_after", takes: moment, text: "clicks before this time, such as `2026-01-31T12:00:00Z`, do not count"},
			{name: "ui_buttons", takes: texts, text: "names of `ui_button` objects"},
		},
	}
	tcpSocketAction = &spec{
		name: "tcp_socket_action",
		text: "Makes a probe that connects to a port.",
		fields: []field{
			{name: "port", takes: port, text: "the port"},
			{name: "host", takes: text, text: "`localhost` if not given"},
		},
		check: required("port", "port"),
	}
	uiBoolInputSpec = &spec{
		name: "ui_bool_input_spec",
		text: "Makes a check box of a button.",
		fields: []field{
			{name: "default_value", takes: flag, text: "whether it is checked at first"},
			{name: "true_string", takes: text, zero: true, text: "its value when checked; `true` if not given"},
			{name: "false_string", takes: text, zero: true, text: "its value when not; `false` if not given"},
		},
	}
	uiChoiceInputSpec = &spec{
		name: "ui_choice_input_spec",
		text: "Makes a choice of a button.",
		fields: []field{
			{name: "choices", takes: texts, text: "what there is to choose"},
		},
		check: required("choices", "choices"),
	}
	uiComponentLocation = &spec{
		name: "ui_component_location",
		text: "Says where in the dashboard something is.",
		fields: []field{
			{name: "component_id", json: "componentID", takes: text, text: "the name of the resource, or `nav`"},
			{name: "component_type", takes: oneOf("Resource", "Global"), text: "`Resource`, or `Global` for the top of the page"},
		},
		check: required("componentID", "component_id", "componentType", "component_type"),
	}
	uiHiddenInputSpec = &spec{
		name: "ui_hidden_input_spec",
		text: "Makes a value that a button passes on and does not show.",
		fields: []field{
			{name: "value", takes: text, text: "the value"},
		},
	}
	uiInputSpec = &spec{
		name: "ui_input_spec",
		text: "Makes something that a button asks for.\n\nIt has exactly one of `text`, `bool`, `hidden` and `choice`.",
		fields: []field{
			{name: "name", takes: text, text: "no two inputs of a button have the same; commands see the value as a variable of this name"},
			{name: "label", takes: text, text: "what is shown beside it"},
			{name: "text", takes: one(uiTextInputSpec), text: "a text"},
			{name: "bool", takes: one(uiBoolInputSpec), text: "a check box"},
			{name: "hidden", takes: one(uiHiddenInputSpec), text: "a fixed value"},
			{name: "choice", takes: one(uiChoiceInputSpec), text: "one of several"},
		},
		check: checkUIInput,
	}
	uiTextInputSpec = &spec{
		name: "ui_text_input_spec",
		text: "Makes a text field of a button.",
		fields: []field{
			{name: "default_value", takes: text, text: "what is in it at first"},
			{name: "placeholder", takes: text, text: "a hint at what to write"},
		},
	}
)
