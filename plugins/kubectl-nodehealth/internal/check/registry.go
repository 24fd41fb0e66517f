package check

import "github.com/clusterwright/kubectl-plugins/shared/finding"

// Checks are all checks of a node, in the order in which they run and are
// documented.
func Checks() []Check {
	return []Check{
		notReady, silent, leaseExpired, leaseLate, readyOverStaleLease, statusStale, noReady, noLease,
		networkUnavailable, problemCondition, staleWriter, latched, unknownCondition, malformedCondition, unknownByDetector,
		cordoned, taintWithoutCause, causeWithoutTaint, outOfService, cloudTaint, leavingSoon, machineConfig, startupTaint, wrongAddress,
		pressured, belowThreshold, nearThreshold, unwatched, noPIDThreshold, pidsExhausted, stalled, imageGC, evictions,
		healthzFails, pleg, runtimeErrors, certificateTTL, csrPending, csrRefused, renewErrors, strangeAPIServer, losingCRI,
		kubeletNewer, kubeletOld, cgroupV1, oldRuntime,
		overRequested, podsFull, lostDevices, noCapacity, sickDevice, taintedDevices,
		stuckTerminating, appArmor, sandboxFails, vitalPod, rejected,
		rebooted, flapping, oom, zeroCapacity, notableEvent, otherWarnings, kubeletRestarts,
		clockSkew, noMetricsPipeline, metricsMissing, windowsTrouble,
	}
}

// ClusterRules describes the findings that concern the whole cluster.
func ClusterRules() []finding.Rule {
	return []finding.Rule{faultRule, controlPlaneRule, zoneRule, evictionRule}
}
