package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxIndex bounds how many clusters a machine can have: the index is a byte of
// an address.
const maxIndex = 99

// indexFile says which cluster's folder has an index. Interfaces and ports belong
// to the machine, so the folder of these files does not depend on TMPDIR.
func indexFile(index int) string {
	return filepath.Join("/tmp", fmt.Sprintf("clusterwright-test-index.%d", os.Getuid()), strconv.Itoa(index))
}

// lockIndexes keeps other processes from taking or giving back an index.
func lockIndexes() (unlock func(), err error) {
	base := filepath.Dir(indexFile(0))
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(base, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		lock.Close()
		return nil, err
	}
	return func() { lock.Close() }, nil
}

// hasIndex says whether the index is still this cluster's: it is given back when
// the cluster is stopped, by whomever.
func (c *Cluster) hasIndex() bool {
	owner, err := os.ReadFile(indexFile(c.Index))
	return err == nil && string(owner) == c.Dir
}

// release gives the index back.
func (c *Cluster) release() error {
	unlock, err := lockIndexes()
	if err != nil {
		return err
	}
	defer unlock()
	if !c.hasIndex() {
		return nil
	}
	return os.Remove(indexFile(c.Index))
}

// reserve gives the cluster an index that no other cluster of the machine has,
// and derives its addresses. The cluster has it until release.
func (c *Cluster) reserve() error {
	unlock, err := lockIndexes()
	if err != nil {
		return err
	}
	defer unlock()
	for i := 0; i <= maxIndex; i++ {
		file := indexFile(i)
		owner, err := os.ReadFile(file)
		if err == nil && string(owner) != c.Dir {
			if _, err := os.Stat(filepath.Join(string(owner), "cluster.json")); err == nil {
				continue // a cluster that lives, or died and was not cleared
			}
		}
		if !portsFree(i) {
			continue
		}
		if err := os.WriteFile(file, []byte(c.Dir), 0o644); err != nil {
			return err
		}
		c.Index = i
		c.Endpoints = endpoints(i, c.Config)
		for n := 1; n <= c.Config.Nodes; n++ {
			c.Nodes = append(c.Nodes, newNode(c, n))
		}
		return c.save()
	}
	return fmt.Errorf("more than %d clusters on this machine, or their ports are taken", maxIndex)
}

func firstPort(index int) int { return 20000 + 20*index }

func portsFree(index int) bool {
	for p := firstPort(index); p < firstPort(index)+10; p++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

func endpoints(index int, cfg Config) Endpoints {
	first := firstPort(index)
	e := Endpoints{
		APIServer: "127.0.0.1", ServiceIP: "10.96.0.1",
		EtcdClientPort: first, EtcdPeerPort: first + 1, ControllerManagerPort: first + 2, SchedulerPort: first + 3,
		NodeIPs: map[string]string{},
	}
	for i := range cfg.APIServers {
		e.APIServerPorts = append(e.APIServerPorts, first+4+i)
	}
	if cfg.Nodes > 0 {
		e.APIServer = fmt.Sprintf("10.199.%d.1", index)
	}
	for n := 1; n <= cfg.Nodes; n++ {
		e.NodeIPs[NodeName(n)] = fmt.Sprintf("10.199.%d.%d", index, 10+n)
	}
	return e
}
