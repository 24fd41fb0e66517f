package cri

import (
	"strconv"
	"strings"
	"sync"
)

// schema is what a view needs of the messages of runtime.v1, a line each:
// field=number:type, with [] for repeated fields, map for a map of strings,
// enum.X for an enumeration whose names count from 0, and the name of another
// message. Taken from the descriptors of k8s.io/cri-api v0.37; its generated
// code would bring the whole of gRPC along, several megabytes for eleven calls.
// Windows' messages are left out: no debug pod runs there.
const schema = `
VersionResponse: version=1:string runtimeName=2:string runtimeVersion=3:string runtimeApiVersion=4:string
StatusResponse: status=1:RuntimeStatus info=2:map runtimeHandlers=3:[]RuntimeHandler features=4:RuntimeFeatures
RuntimeStatus: conditions=1:[]RuntimeCondition
RuntimeCondition: type=1:string status=2:bool reason=3:string message=4:string
RuntimeHandler: name=1:string features=2:RuntimeHandlerFeatures
RuntimeHandlerFeatures: recursiveReadOnlyMounts=1:bool userNamespaces=2:bool
RuntimeFeatures: supplementalGroupsPolicy=1:bool userNamespacesHostNetwork=2:bool mountOptions=3:bool
ListPodSandboxResponse: items=1:[]PodSandbox
PodSandbox: id=1:string metadata=2:PodSandboxMetadata state=3:enum.PodSandboxState createdAt=4:int64 labels=5:map
	annotations=6:map runtimeHandler=7:string
PodSandboxMetadata: name=1:string uid=2:string namespace=3:string attempt=4:uint32
enum.PodSandboxState: SANDBOX_READY SANDBOX_NOTREADY
PodSandboxStatusResponse: status=1:PodSandboxStatus info=2:map containersStatuses=3:[]ContainerStatus
	timestamp=4:int64
PodSandboxStatus: id=1:string metadata=2:PodSandboxMetadata state=3:enum.PodSandboxState createdAt=4:int64
	network=5:PodSandboxNetworkStatus linux=6:LinuxPodSandboxStatus labels=7:map annotations=8:map
	runtimeHandler=9:string
PodSandboxNetworkStatus: ip=1:string additionalIps=2:[]PodIP
PodIP: ip=1:string
LinuxPodSandboxStatus: namespaces=1:Namespace
Namespace: options=2:NamespaceOption
NamespaceOption: network=1:enum.NamespaceMode pid=2:enum.NamespaceMode ipc=3:enum.NamespaceMode targetId=4:string
	usernsOptions=5:UserNamespace
UserNamespace: mode=1:enum.NamespaceMode uids=2:[]IDMapping gids=3:[]IDMapping
IDMapping: hostId=1:uint32 containerId=2:uint32 length=3:uint32
enum.NamespaceMode: POD CONTAINER NODE TARGET
ContainerStatus: id=1:string metadata=2:ContainerMetadata state=3:enum.ContainerState createdAt=4:int64
	startedAt=5:int64 finishedAt=6:int64 exitCode=7:int32 image=8:ImageSpec imageRef=9:string reason=10:string
	message=11:string labels=12:map annotations=13:map mounts=14:[]Mount logPath=15:string
	resources=16:ContainerResources imageId=17:string user=18:ContainerUser stopSignal=19:enum.Signal
ContainerMetadata: name=1:string attempt=2:uint32
ImageSpec: image=1:string annotations=2:map userSpecifiedImage=18:string runtimeHandler=19:string imageRef=20:string
Mount: containerPath=1:string hostPath=2:string readonly=3:bool selinuxRelabel=4:bool
	propagation=5:enum.MountPropagation uidMappings=6:[]IDMapping gidMappings=7:[]IDMapping recursiveReadOnly=8:bool
	image=9:ImageSpec imageSubPath=10:string mountOptions=11:[]string
enum.MountPropagation: PROPAGATION_PRIVATE PROPAGATION_HOST_TO_CONTAINER PROPAGATION_BIDIRECTIONAL
ContainerResources: linux=1:LinuxContainerResources
LinuxContainerResources: cpuPeriod=1:int64 cpuQuota=2:int64 cpuShares=3:int64 memoryLimitInBytes=4:int64
	oomScoreAdj=5:int64 cpusetCpus=6:string cpusetMems=7:string hugepageLimits=8:[]HugepageLimit unified=9:map
	memorySwapLimitInBytes=10:int64
HugepageLimit: pageSize=1:string limit=2:uint64
ContainerUser: linux=1:LinuxContainerUser
LinuxContainerUser: uid=1:int64 gid=2:int64 supplementalGroups=3:[]int64
enum.Signal: SIGNAL_RUNTIME_DEFAULT SIGNAL_SIGABRT SIGNAL_SIGALRM SIGNAL_SIGBUS SIGNAL_SIGCHLD SIGNAL_SIGCLD
	SIGNAL_SIGCONT SIGNAL_SIGFPE SIGNAL_SIGHUP SIGNAL_SIGILL SIGNAL_SIGINT SIGNAL_SIGIO SIGNAL_SIGIOT SIGNAL_SIGKILL
	SIGNAL_SIGPIPE SIGNAL_SIGPOLL SIGNAL_SIGPROF SIGNAL_SIGPWR SIGNAL_SIGQUIT SIGNAL_SIGSEGV SIGNAL_SIGSTKFLT
	SIGNAL_SIGSTOP SIGNAL_SIGSYS SIGNAL_SIGTERM SIGNAL_SIGTRAP SIGNAL_SIGTSTP SIGNAL_SIGTTIN SIGNAL_SIGTTOU SIGNAL_SIGURG
	SIGNAL_SIGUSR1 SIGNAL_SIGUSR2 SIGNAL_SIGVTALRM SIGNAL_SIGWINCH SIGNAL_SIGXCPU SIGNAL_SIGXFSZ SIGNAL_SIGRTMIN
	SIGNAL_SIGRTMINPLUS1 SIGNAL_SIGRTMINPLUS2 SIGNAL_SIGRTMINPLUS3 SIGNAL_SIGRTMINPLUS4 SIGNAL_SIGRTMINPLUS5
	SIGNAL_SIGRTMINPLUS6 SIGNAL_SIGRTMINPLUS7 SIGNAL_SIGRTMINPLUS8 SIGNAL_SIGRTMINPLUS9 SIGNAL_SIGRTMINPLUS10
	SIGNAL_SIGRTMINPLUS11 SIGNAL_SIGRTMINPLUS12 SIGNAL_SIGRTMINPLUS13 SIGNAL_SIGRTMINPLUS14 SIGNAL_SIGRTMINPLUS15
	SIGNAL_SIGRTMAXMINUS14 SIGNAL_SIGRTMAXMINUS13 SIGNAL_SIGRTMAXMINUS12 SIGNAL_SIGRTMAXMINUS11 SIGNAL_SIGRTMAXMINUS10
	SIGNAL_SIGRTMAXMINUS9 SIGNAL_SIGRTMAXMINUS8 SIGNAL_SIGRTMAXMINUS7 SIGNAL_SIGRTMAXMINUS6 SIGNAL_SIGRTMAXMINUS5
	SIGNAL_SIGRTMAXMINUS4 SIGNAL_SIGRTMAXMINUS3 SIGNAL_SIGRTMAXMINUS2 SIGNAL_SIGRTMAXMINUS1 SIGNAL_SIGRTMAX
enum.ContainerState: CONTAINER_CREATED CONTAINER_RUNNING CONTAINER_EXITED CONTAINER_UNKNOWN
ListContainersResponse: containers=1:[]Container
Container: id=1:string podSandboxId=2:string metadata=3:ContainerMetadata image=4:ImageSpec imageRef=5:string
	state=6:enum.ContainerState createdAt=7:int64 labels=8:map annotations=9:map imageId=10:string
ContainerStatusResponse: status=1:ContainerStatus info=2:map
ListContainerStatsResponse: stats=1:[]ContainerStats
ContainerStats: attributes=1:ContainerAttributes cpu=2:CpuUsage memory=3:MemoryUsage writableLayer=4:FilesystemUsage
	swap=5:SwapUsage io=6:IoUsage
ContainerAttributes: id=1:string metadata=2:ContainerMetadata labels=3:map annotations=4:map
CpuUsage: timestamp=1:int64 usageCoreNanoSeconds=2:UInt64Value usageNanoCores=3:UInt64Value psi=4:PsiStats
UInt64Value: value=1:uint64
PsiStats: Full=1:PsiData Some=2:PsiData
PsiData: Total=1:uint64 Avg10=2:double Avg60=3:double Avg300=4:double
MemoryUsage: timestamp=1:int64 workingSetBytes=2:UInt64Value availableBytes=3:UInt64Value usageBytes=4:UInt64Value
	rssBytes=5:UInt64Value pageFaults=6:UInt64Value majorPageFaults=7:UInt64Value psi=8:PsiStats
FilesystemUsage: timestamp=1:int64 fsId=2:FilesystemIdentifier usedBytes=3:UInt64Value inodesUsed=4:UInt64Value
FilesystemIdentifier: mountpoint=1:string
SwapUsage: timestamp=1:int64 swapAvailableBytes=2:UInt64Value swapUsageBytes=3:UInt64Value
IoUsage: timestamp=1:int64 psi=2:PsiStats
ListPodSandboxStatsResponse: stats=1:[]PodSandboxStats
PodSandboxStats: attributes=1:PodSandboxAttributes linux=2:LinuxPodSandboxStats
PodSandboxAttributes: id=1:string metadata=2:PodSandboxMetadata labels=3:map annotations=4:map
LinuxPodSandboxStats: cpu=1:CpuUsage memory=2:MemoryUsage network=3:NetworkUsage process=4:ProcessUsage
	containers=5:[]ContainerStats io=6:IoUsage
NetworkUsage: timestamp=1:int64 defaultInterface=2:NetworkInterfaceUsage interfaces=3:[]NetworkInterfaceUsage
NetworkInterfaceUsage: name=1:string rxBytes=2:UInt64Value rxErrors=3:UInt64Value txBytes=4:UInt64Value
	txErrors=5:UInt64Value
ProcessUsage: timestamp=1:int64 processCount=2:UInt64Value
ListImagesResponse: images=1:[]Image
Image: id=1:string repoTags=2:[]string repoDigests=3:[]string size=4:uint64 uid=5:Int64Value username=6:string
	spec=7:ImageSpec pinned=8:bool
Int64Value: value=1:int64
ImageStatusResponse: image=1:Image info=2:map
ImageFsInfoResponse: imageFilesystems=1:[]FilesystemUsage containerFilesystems=2:[]FilesystemUsage
`

// field is one field of a message.
type field struct {
	name string
	kind string
	list bool
}

// tables are schema, read once.
var tables = sync.OnceValue(func() (t struct {
	messages map[string]map[int32]field
	enums    map[string][]string
}) {
	t.messages, t.enums = map[string]map[int32]field{}, map[string][]string{}
	for line := range strings.Lines(strings.ReplaceAll(schema, "\n\t", " ")) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if strings.HasPrefix(name, "enum.") {
			t.enums[name] = strings.Fields(rest)
			continue
		}
		fields := map[int32]field{}
		for _, f := range strings.Fields(rest) {
			key, kind, _ := strings.Cut(f, ":")
			name, number, _ := strings.Cut(key, "=")
			n, _ := strconv.ParseInt(number, 10, 32)
			base, list := strings.CutPrefix(kind, "[]")
			fields[int32(n)] = field{name, base, list}
		}
		t.messages[name] = fields
	}
	return t
})
