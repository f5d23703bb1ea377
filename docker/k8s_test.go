// Not with the race detector: the Kubernetes API alone would be built for a
// minute, and there are no goroutines here.

//go:build !race

package docker_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scaledObject is what KEDA's reference of the ScaledObject names
// (keda.sh/v1alpha1), as far as it is used here.
type scaledObject struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		ScaleTargetRef struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"scaleTargetRef"`
		MinReplicaCount int32 `json:"minReplicaCount"`
		MaxReplicaCount int32 `json:"maxReplicaCount"`
		PollingInterval int32 `json:"pollingInterval"`
		CooldownPeriod  int32 `json:"cooldownPeriod"`
		Advanced        struct {
			HPA struct {
				Behavior map[string]struct {
					StabilizationWindowSeconds int32            `json:"stabilizationWindowSeconds"`
					Policies                   []map[string]any `json:"policies"`
				} `json:"behavior"`
			} `json:"horizontalPodAutoscalerConfig"`
		} `json:"advanced"`
		Triggers []struct {
			Type     string `json:"type"`
			Metadata struct {
				ServerAddress    string `json:"serverAddress"`
				Query            string `json:"query"`
				Threshold        string `json:"threshold"`
				IgnoreNullValues string `json:"ignoreNullValues"`
			} `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// cluster is what kustomize makes of the base, each object read strictly as
// what it says it is: an unknown field is an error.
type cluster struct {
	jobs         []batch.Job
	processors   apps.StatefulSet
	servers      apps.Deployment
	services     []core.Service
	budgets      []policy.PodDisruptionBudget
	networks     []networking.NetworkPolicy
	monitors     []monitoring.ServiceMonitor
	scaled       scaledObject
	environments map[string]map[string]string // of ConfigMaps
}

func loadBase(t *testing.T) *cluster {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "k8s")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{apps.AddToScheme, batch.AddToScheme, core.AddToScheme, policy.AddToScheme, networking.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	c := &cluster{environments: map[string]map[string]string{}}
	for _, resource := range built.Resources() {
		text := resource.MustYaml()
		if resource.GetKind() == "ScaledObject" {
			if err := yaml.UnmarshalStrict([]byte(text), &c.scaled); err != nil {
				t.Fatalf("%s: %v", resource.CurId(), err)
			}
			continue
		}
		object, _, err := strict.Decode([]byte(text), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", resource.CurId(), err)
		}
		switch o := object.(type) {
		case *batch.Job:
			c.jobs = append(c.jobs, *o)
		case *apps.StatefulSet:
			c.processors = *o
		case *apps.Deployment:
			c.servers = *o
		case *core.Service:
			c.services = append(c.services, *o)
		case *core.ConfigMap:
			c.environments[o.Name] = o.Data
		case *policy.PodDisruptionBudget:
			c.budgets = append(c.budgets, *o)
		case *networking.NetworkPolicy:
			c.networks = append(c.networks, *o)
		case *monitoring.ServiceMonitor:
			c.monitors = append(c.monitors, *o)
		default:
			t.Errorf("%s: a %T that no test looks at", resource.CurId(), o)
		}
	}
	if len(c.jobs) != 1 || len(c.services) != 4 || len(c.budgets) != 2 || len(c.monitors) != 2 || len(c.environments) != 1 {
		t.Fatalf("got %d jobs, %d services, %d budgets, %d monitors, %d config maps", len(c.jobs), len(c.services), len(c.budgets), len(c.monitors), len(c.environments))
	}
	return c
}

// pods are the templates by the name of what makes them, with the labels that
// their pods get.
func (c *cluster) pods() map[string]core.PodTemplateSpec {
	processors := *c.processors.Spec.Template.DeepCopy()
	// The controller adds this label to the first pod.
	processors.Labels["statefulset.kubernetes.io/pod-name"] = c.processors.Name + "-0"
	return map[string]core.PodTemplateSpec{
		"topics": c.jobs[0].Spec.Template, "processor": processors, "server": c.servers.Spec.Template,
	}
}

// TestKubernetesCommands holds the pods' command lines and environments against
// the help of the program.
func TestKubernetesCommands(t *testing.T) {
	p, c := build(t), loadBase(t)
	for name, pod := range c.pods() {
		t.Run(name, func(t *testing.T) {
			container := pod.Spec.Containers[0]
			command := container.Args[0]
			if help := p.helpOf(t, command); !strings.Contains(help, "belfry "+command) {
				t.Fatalf("belfry has no command %s", command)
			}
			flags := slices.Clone(container.Args[1:])
			for key := range c.environments[container.EnvFrom[0].ConfigMapRef.Name] {
				flags = append(flags, "--"+strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(key, "BELFRY_"), "_", "-")))
			}
			if len(flags) == len(container.Args[1:]) {
				t.Errorf("no settings in %s", container.EnvFrom[0].ConfigMapRef.Name)
			}
			for _, arg := range flags {
				if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--") && !p.has(t, command, flag) {
					t.Errorf("belfry %s has no flag %s", command, flag)
				}
			}
		})
	}
}

// TestKubernetesPods holds what every pod must have.
func TestKubernetesPods(t *testing.T) {
	c := loadBase(t)
	for name, pod := range c.pods() {
		container := pod.Spec.Containers[0]
		if s := container.SecurityContext; s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
			t.Errorf("%s may more than it needs", name)
		}
		if s := pod.Spec.SecurityContext; s == nil || !*s.RunAsNonRoot || strconv.FormatInt(*s.RunAsUser, 10) != userOf(t) {
			t.Errorf("%s does not run as the user of the image", name)
		}
		if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s has no bounds", name)
		}
		if name == "topics" {
			continue
		}
		for kind, probe := range map[string]*core.Probe{"/healthz": container.LivenessProbe, "/readyz": container.ReadinessProbe} {
			if probe == nil || probe.HTTPGet.Path != kind || !hasPort(container, probe.HTTPGet.Port.String()) {
				t.Errorf("%s: got probe %+v, want one of %s at a port that there is", name, probe, kind)
			}
		}
		if !slices.ContainsFunc(container.VolumeMounts, func(m core.VolumeMount) bool { return m.MountPath == "/var/lib/belfry" }) {
			t.Errorf("%s has no state folder", name)
		}
		grace := 10 * time.Second // the default of --grace
		if v := flagOf(container.Args, "--grace"); v != "" {
			grace = duration(t, v)
		}
		if left := time.Duration(*pod.Spec.TerminationGracePeriodSeconds)*time.Second - grace; left < 5*time.Second {
			t.Errorf("%s is killed %v after --grace, before it has drained", name, left)
		}
		limit := container.Resources.Limits.Memory().Value()
		if soft := memoryLimit(t, container); soft > limit*9/10 || soft < limit/2 {
			t.Errorf("%s: Go is told of %d bytes of %d", name, soft, limit)
		}
	}
	container := c.processors.Spec.Template.Spec.Containers[0]
	if session := duration(t, flagOf(container.Args, "--session-timeout")); session <= time.Duration(*c.processors.Spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second {
		t.Errorf("a session of %v ends before a pod is replaced", session)
	}
	if flagOf(container.Args, "--instance-id") != "$(POD_NAME)" || container.Env[0].ValueFrom.FieldRef.FieldPath != "metadata.name" {
		t.Error("a processor's instance id is not its pod's name")
	}
}

// TestKubernetesSelectors has everything that selects find what it is for.
func TestKubernetesSelectors(t *testing.T) {
	c := loadBase(t)
	found := func(what string, selector labels.Selector, want int) {
		t.Helper()
		var names []string
		for name, pod := range c.pods() {
			if selector.Matches(labels.Set(pod.Labels)) {
				names = append(names, name)
			}
		}
		if len(names) != want {
			t.Errorf("%s selects %v, want %d", what, names, want)
		}
	}
	for _, s := range c.services {
		found("service "+s.Name, labels.SelectorFromSet(s.Spec.Selector), 1)
		for _, pod := range c.pods() {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)) && !hasPort(pod.Spec.Containers[0], s.Spec.Ports[0].TargetPort.String()) {
				t.Errorf("service %s leads to a port that there is not", s.Name)
			}
		}
	}
	for _, b := range c.budgets {
		selector, err := meta.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		found("budget "+b.Name, selector, 1)
	}
	for path, want := range map[string]int{"/metrics": 2, "/metrics/lag": 1} {
		var services []string
		for _, m := range c.monitors {
			selector, err := meta.LabelSelectorAsSelector(&m.Spec.Selector)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.services {
				if m.Spec.Endpoints[0].Path == path && m.Spec.Endpoints[0].Port == s.Spec.Ports[0].Name && selector.Matches(labels.Set(s.Labels)) {
					services = append(services, s.Name)
				}
			}
		}
		if len(services) != want {
			t.Errorf("%s is scraped through %v, want %d services", path, services, want)
		}
	}
	target := c.scaled.Spec.ScaleTargetRef
	if target.Kind != c.processors.Kind || target.Name != c.processors.Name || target.APIVersion != c.processors.APIVersion {
		t.Errorf("scales %+v", target)
	}
	partitions := flagOf(c.jobs[0].Spec.Template.Spec.Containers[0].Args, "--partitions")
	if fmt.Sprint(c.scaled.Spec.MaxReplicaCount) != partitions || c.scaled.Spec.MinReplicaCount != *c.processors.Spec.Replicas {
		t.Errorf("scales from %d to %d, want from %d to the %s partitions", c.scaled.Spec.MinReplicaCount, c.scaled.Spec.MaxReplicaCount, *c.processors.Spec.Replicas, partitions)
	}
}

// TestKubernetesNetwork holds that the port that asks for no token is reached from the
// namespace of Prometheus alone, on every pod that has one.
func TestKubernetesNetwork(t *testing.T) {
	c := loadBase(t)
	kept := map[string]bool{}
	for _, n := range c.networks {
		selector, err := meta.LabelSelectorAsSelector(&n.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(n.Spec.PolicyTypes, []networking.PolicyType{networking.PolicyTypeIngress}) {
			t.Errorf("%s: of types %v", n.Name, n.Spec.PolicyTypes)
		}
		for name, pod := range c.pods() {
			if !selector.Matches(labels.Set(pod.Labels)) {
				continue
			}
			kept[name] = true
			for _, rule := range n.Spec.Ingress {
				for _, p := range rule.Ports {
					if !hasPort(pod.Spec.Containers[0], p.Port.String()) {
						t.Errorf("%s names the port %s, which %s has not", n.Name, p.Port, name)
					}
					open := len(rule.From) == 0
					if !open && (rule.From[0].NamespaceSelector == nil || len(rule.From[0].NamespaceSelector.MatchLabels) == 0) {
						t.Errorf("%s: %s is open to %+v", n.Name, p.Port, rule.From)
					}
					if open != (p.Port.String() == "http") {
						t.Errorf("%s: %s is open to all: %t", n.Name, p.Port, open)
					}
				}
			}
		}
	}
	for name, pod := range c.pods() {
		if hasPort(pod.Spec.Containers[0], "metrics") && !kept[name] {
			t.Errorf("everybody reaches the metrics of %s", name)
		}
	}
}

func hasPort(c core.Container, name string) bool {
	return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == name })
}

// flagOf returns the value of a flag, in either form.
func flagOf(args []string, flag string) string {
	if v := valueOf(args, flag); v != "" {
		return v
	}
	for _, arg := range args {
		if v, ok := strings.CutPrefix(arg, flag+"="); ok {
			return v
		}
	}
	return ""
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// memoryLimit is the GOMEMLIMIT of a container in bytes.
func memoryLimit(t *testing.T, c core.Container) int64 {
	t.Helper()
	for _, e := range c.Env {
		if m := regexp.MustCompile(`^(\d+)MiB$`).FindStringSubmatch(e.Value); e.Name == "GOMEMLIMIT" && m != nil {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 20
		}
	}
	t.Errorf("no GOMEMLIMIT in MiB")
	return 0
}

// userOf is the user of the image.
func userOf(t *testing.T) string {
	t.Helper()
	user, _, _ := strings.Cut(the(t, stages(t)[1], "USER").rest, ":")
	return user
}
