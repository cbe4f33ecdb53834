"""Installs or uninstalls the chart that the environment names, and prints what is installed: helper.py apply|delete FLAG..."""
import os
import subprocess
import sys

where = ["--kube-context", os.environ["K8S_CONTEXT"]]
if os.environ["NAMESPACE"]:
    where += ["--namespace", os.environ["NAMESPACE"]]
release, flags = os.environ["RELEASE_NAME"], sys.argv[2:]

if sys.argv[1] == "delete":
    sys.exit(subprocess.call(["helm", "uninstall", release, *where, *flags]))

for i in range(int(os.environ["TILT_IMAGE_COUNT"])):
    ref = os.environ["TILT_IMAGE_%d" % i]
    key = os.environ.get("TILT_IMAGE_KEY_%d" % i)
    if key:
        flags += ["--set", "%s=%s" % (key, ref)]
    else:
        repo, _, tag = ref.rpartition(":")
        flags += ["--set", "%s=%s" % (os.environ["TILT_IMAGE_KEY_REPO_%d" % i], repo)]
        flags += ["--set", "%s=%s" % (os.environ["TILT_IMAGE_KEY_TAG_%d" % i], tag)]
subprocess.check_call(["helm", "upgrade", "--install", release, os.environ["CHART"], *where, *flags], stdout=sys.stderr)
sys.exit(subprocess.call(["helm", "get", "manifest", release, *where]))
