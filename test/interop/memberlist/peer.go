// A node of hashicorp/memberlist that does what it is told: one JSON object a line in, events and answers out. Its end
// of input is its crash: it says no good-bye unless told to.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/hashicorp/memberlist"
)

// How long this waits until a good-bye or new metadata has gone out.
const patience = 20 * time.Second

type request struct {
	ID int
	Op string

	// join
	Addresses []string

	// meta, broadcast, send
	Data []byte

	// send
	Name     string
	Reliable bool

	// keyring-add, keyring-use, keyring-remove
	Key []byte
}

type answer struct {
	ID      int      `json:"id"`
	Error   string   `json:"error,omitempty"`
	Joined  int      `json:"joined,omitempty"`
	Members []member `json:"members,omitempty"`
	Keys    [][]byte `json:"keys,omitempty"`
	Health  int      `json:"health"`
}

type event struct {
	Event   string  `json:"event"`
	Member  *member `json:"member,omitempty"`
	Other   *member `json:"other,omitempty"`
	Data    []byte  `json:"data,omitempty"`
	Joining bool    `json:"joining,omitempty"`
}

type member struct {
	Name        string `json:"name"`
	Address     string `json:"address"`
	Meta        []byte `json:"meta"`
	State       string `json:"state,omitempty"`
	Incarnation uint64 `json:"incarnation,omitempty"`
	Versions    []int  `json:"versions"`
}

// A node, and its delegate of every kind.
type peer struct {
	list  *memberlist.Memberlist
	queue *memberlist.TransmitLimitedQueue
	keys  *memberlist.Keyring

	metaLock sync.Mutex
	meta     []byte

	outLock sync.Mutex
	out     *json.Encoder
	ready   int32
}

func main() {
	own := &peer{out: json.NewEncoder(os.Stdout)}
	own.queue = &memberlist.TransmitLimitedQueue{NumNodes: own.memberCount, RetransmitMult: 2}
	config, err := own.configure()
	if err == nil {
		own.list, err = memberlist.Create(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	atomic.StoreInt32(&own.ready, 1)
	own.say(event{Event: "started", Member: memberOf(own.list.LocalNode())})

	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		// Some wait for the network, and others must not wait for them.
		go func() {
			answer, err := own.do(&asked)
			if err != nil {
				answer.Error = err.Error()
			}
			answer.ID = asked.ID
			own.say(answer)
		}()
	}
}

func (own *peer) configure() (*memberlist.Config, error) {
	name := flag.String("name", "", "unique in the cluster")
	bind := flag.String("bind", "127.0.0.1", "the IP address")
	port := flag.Int("port", 0, "0 lets the system choose")
	profile := flag.String("profile", "lan", "lan, wan or local")
	keys := flag.String("keys", "", "base64, with commas between; the first is the primary")
	compression := flag.Bool("compression", true, "compress what is sent")
	delegate := flag.String("delegate", "0,0,0", "least, greatest and current version of the application")
	meta := flag.String("meta", "", "base64")
	flag.Parse()

	profiles := map[string]func() *memberlist.Config{
		"lan": memberlist.DefaultLANConfig, "wan": memberlist.DefaultWANConfig, "local": memberlist.DefaultLocalConfig,
	}
	if profiles[*profile] == nil {
		return nil, fmt.Errorf("no profile %q", *profile)
	}
	config := profiles[*profile]()
	config.Name, config.BindAddr, config.BindPort, config.AdvertisePort = *name, *bind, *port, *port
	config.EnableCompression = *compression
	config.Delegate, config.Events, config.Conflict = own, own, own
	versions := []interface{}{
		&config.DelegateProtocolMin, &config.DelegateProtocolMax, &config.DelegateProtocolVersion,
	}
	if _, err := fmt.Sscanf(*delegate, "%d,%d,%d", versions...); err != nil {
		return nil, err
	}
	var err error
	if own.meta, err = base64.StdEncoding.DecodeString(*meta); err != nil {
		return nil, err
	}
	own.keys, err = keyring(*keys)
	config.Keyring = own.keys
	return config, err
}

func keyring(keys string) (*memberlist.Keyring, error) {
	if keys == "" {
		return nil, nil
	}
	var all [][]byte
	for _, text := range strings.Split(keys, ",") {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return memberlist.NewKeyring(all, all[0])
}

func (own *peer) do(asked *request) (answer, error) {
	switch asked.Op {
	case "join":
		joined, err := own.list.Join(asked.Addresses)
		return answer{Joined: joined}, err
	case "leave":
		return answer{}, own.list.Leave(patience)
	case "meta":
		own.metaLock.Lock()
		own.meta = asked.Data
		own.metaLock.Unlock()
		return answer{}, own.list.UpdateNode(patience)
	case "broadcast":
		own.queue.QueueBroadcast(broadcast(asked.Data))
		return answer{}, nil
	case "send":
		return answer{}, own.send(asked)
	case "members":
		return answer{Members: own.everyMember(), Health: own.list.GetHealthScore()}, nil
	case "keyring-add":
		return answer{}, own.keys.AddKey(asked.Key)
	case "keyring-use":
		return answer{}, own.keys.UseKey(asked.Key)
	case "keyring-remove":
		return answer{}, own.keys.RemoveKey(asked.Key)
	case "keyring-list":
		return answer{Keys: own.keys.GetKeys()}, nil
	}
	return answer{}, fmt.Errorf("unknown op %q", asked.Op)
}

func (own *peer) send(asked *request) error {
	for _, node := range own.list.Members() {
		if node.Name != asked.Name {
			continue
		}
		if asked.Reliable {
			return own.list.SendReliable(node, asked.Data)
		}
		return own.list.SendBestEffort(node, asked.Data)
	}
	return errors.New("no member " + asked.Name)
}

// Returns all members with what is believed about them, the dead included, which memberlist itself does not show.
func (own *peer) everyMember() []member {
	list := reflect.ValueOf(own.list).Elem()
	lock := (*sync.RWMutex)(unsafe.Pointer(list.FieldByName("nodeLock").UnsafeAddr()))
	lock.RLock()
	defer lock.RUnlock()
	var all []member
	nodes := list.FieldByName("nodes")
	for i := 0; i < nodes.Len(); i++ {
		node := nodes.Index(i).Elem()
		found := memberOf((*memberlist.Node)(unsafe.Pointer(node.FieldByName("Node").UnsafeAddr())))
		found.State = []string{"alive", "suspect", "dead", "left"}[node.FieldByName("State").Int()]
		found.Incarnation = node.FieldByName("Incarnation").Uint()
		all = append(all, *found)
	}
	return all
}

func memberOf(node *memberlist.Node) *member {
	return &member{
		Name: node.Name, Address: node.Address(), Meta: append([]byte{}, node.Meta...),
		Versions: []int{
			int(node.PMin), int(node.PMax), int(node.PCur), int(node.DMin), int(node.DMax), int(node.DCur),
		},
	}
}

func (own *peer) say(line interface{}) {
	own.outLock.Lock()
	defer own.outLock.Unlock()
	if err := own.out.Encode(line); err != nil {
		os.Exit(1)
	}
}

// memberlist asks before it is there.
func (own *peer) memberCount() int {
	if atomic.LoadInt32(&own.ready) == 0 {
		return 1
	}
	return own.list.NumMembers()
}

func (own *peer) NodeMeta(limit int) []byte {
	own.metaLock.Lock()
	defer own.metaLock.Unlock()
	return own.meta
}

func (own *peer) NotifyMsg(data []byte) {
	own.say(event{Event: "message", Data: append([]byte{}, data...)})
}

func (own *peer) GetBroadcasts(overhead, limit int) [][]byte {
	return own.queue.GetBroadcasts(overhead, limit)
}

func (own *peer) LocalState(join bool) []byte {
	return []byte("state of a Go node\x00\xff")
}

func (own *peer) MergeRemoteState(data []byte, join bool) {
	own.say(event{Event: "state", Data: append([]byte{}, data...), Joining: join})
}

func (own *peer) NotifyJoin(node *memberlist.Node) {
	own.say(event{Event: "join", Member: memberOf(node)})
}

func (own *peer) NotifyLeave(node *memberlist.Node) {
	own.say(event{Event: "leave", Member: memberOf(node)})
}

func (own *peer) NotifyUpdate(node *memberlist.Node) {
	own.say(event{Event: "update", Member: memberOf(node)})
}

func (own *peer) NotifyConflict(existing, other *memberlist.Node) {
	own.say(event{Event: "conflict", Member: memberOf(existing), Other: memberOf(other)})
}

// Bytes for every member.
type broadcast []byte

func (own broadcast) Invalidates(other memberlist.Broadcast) bool { return false }

func (own broadcast) Message() []byte { return own }

func (own broadcast) Finished() {}
