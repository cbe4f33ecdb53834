// Package testenv gives tests what they share: the testbed, the checkout's root, waiting for a condition, and fakes.
//
// Only tests import it. It imports no client of Docker, Kubernetes or Temporal on its own account, so that a test that
// wants one helper does not compile them. Its functions fail or skip the test they are given and must be called from the
// goroutine of that test, unless their comment says otherwise.
package testenv
