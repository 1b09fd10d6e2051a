import KernelReaders
import Testing

/// The ids of two containers.
private let id = "5f0c0a8b1d2e3f405162738495a6b7c8d9eaf0b1c2d3e4f5061728394a5b6c7d"
private let other = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

@Suite("The unit and the container of a process")
struct ControlGroupTests {
    private func group(_ text: String) -> ControlGroup {
        ControlGroup(Array(text.utf8).span)
    }

    @Test(
        "The cgroup path gives the systemd unit of the system manager or of a user manager",
        arguments: [
            ("0::/system.slice/payments.service", "payments.service"),
            ("0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service"),
            ("0::/init.scope", "init.scope"),
            ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service"),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.gnome.Terminal.slice/"
                    + #"vte-spawn-2a\x2d1.scope"#, #"vte-spawn-2a\x2d1.scope"#
            ),
            ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"),
            // A unit that has groups of its own below it.
            ("0::/system.slice/payments.service/workers", "payments.service"),
            ("0::/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "nginx.service"),
            ("0::/machine.slice/machine-web.scope/payload/init.scope", "machine-web.scope"),
            // Podman's monitor is outside of the container.
            ("0::/machine.slice/libpod-conmon-\(id).scope", "libpod-conmon-\(id).scope"),
            ("0::/system.slice/_cgroup.service", "cgroup.service"),
            ("0::/system.slice/payments.service (deleted)", "payments.service"),
        ]
    )
    func units(line: String, unit: String) {
        #expect(group(line + "\n").unit == unit)
        #expect(group(line + "\n").container == nil)
        // Version 1 has the same names in systemd's hierarchy.
        let v1 = "12:pids:/system.slice\n2:cpu,cpuacct:/\n1:name=systemd:" + line.dropFirst("0::".count) + "\n"
        #expect(group(v1).unit == unit)
        #expect(group(v1 + "0::/system.slice/other.service\n").unit == unit)
    }

    @Test(
        "A cgroup path without a unit gives no unit",
        arguments: [
            "", "\n", "0::/\n", "0::/user.slice\n", "hello\n", "0:\n", "1:name=systemd\n", "12:pids:/a.service\n",
            "9:name=systemd:/\n4:memory:/process_api/093acc0ee831a52527adabe8e85eec0d\n0::/\n",
        ]
    )
    func none(text: String) {
        #expect(group(text).unit == nil && group(text).container == nil)
    }

    @Test(
        "A container's cgroup path gives the first twelve digits of its id and no unit",
        arguments: [
            // Docker: drivers systemd and cgroupfs, from inside of another cgroup namespace, and
            // Docker in Docker.
            "0::/system.slice/docker-\(id).scope",
            "0::/docker/\(id)",
            "0::/../docker-\(id).scope",
            "0::/docker/\(other)/docker/\(id)",
            "0::/docker/\(id)/system.slice/nginx.service",
            // Podman: of root, of a user, and with the driver cgroupfs.
            "0::/machine.slice/libpod-\(id).scope/container",
            "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope/container",
            "0::/libpod_parent/libpod-\(id)",
            // Kubernetes: containerd and CRI-O, drivers systemd and cgroupfs; kind, where a node is
            // a container.
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1f6a2b3c_4d5e_6f70_8192_a3b4c5d6e7f8.slice/"
                + "cri-containerd-\(id).scope",
            "0::/kubepods/besteffort/pod1f6a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8/\(id)",
            "0::/kubepods.slice/kubepods-pod1f6a2b3c_4d5e_6f70_8192_a3b4c5d6e7f8.slice/crio-\(id).scope/container",
            "0::/system.slice/kubepods-burstable-pod1f.slice:cri-containerd:\(id)",
            "0::/docker/\(other)/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1f.slice/"
                + "cri-containerd-\(id).scope",
            // nerdctl, ECS.
            "0::/system.slice/nerdctl-\(id).scope",
            "0::/ecs/0ea31ac6de0a4dbd8ed3c1bd5b0fbd06/\(id)",
        ]
    )
    func containers(line: String) {
        #expect(group(line + "\n").container == "5f0c0a8b1d2e")
        #expect(group(line + "\n").unit == nil)
        let v1 = "11:devices:" + line.dropFirst("0::".count) + "\n1:name=systemd:" + line.dropFirst("0::".count) + "\n"
        #expect(group(v1).container == "5f0c0a8b1d2e" && group(v1).unit == nil)
        // containerd's own service stands in the unified hierarchy.
        let hybrid = group(v1 + "0::/system.slice/containerd.service\n")
        #expect(hybrid.container == "5f0c0a8b1d2e" && hybrid.unit == nil)
    }

    @Test(
        "A container's payload cgroup gives the container and its unit",
        arguments: [
            "0::/system.slice/web.service/libpod-payload-\(id)",
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-\(id)",
        ]
    )
    func payload(line: String) {
        #expect(group(line + "\n").container == "5f0c0a8b1d2e" && group(line + "\n").unit == "web.service")
    }

    @Test(
        "A cgroup path that only resembles a container's gives no container",
        arguments: [
            "0::/docker/\(id.dropLast())", "0::/docker/\(id)0", "0::/docker/\(id.uppercased())",
            "0::/docker/x\(id)",
        ]
    )
    func noContainer(line: String) {
        #expect(group(line + "\n").container == nil)
    }

    @Test("Names that are not UTF-8 are repaired and truncated at 255 bytes")
    func anyBytes() {
        let bytes = Array("0::/a".utf8) + [0xFF, 0x1B] + Array("b.service\n".utf8)
        #expect(ControlGroup(bytes.span).unit == "a\u{FFFD}\u{1B}b.service")
        let long = group("0::/" + String(repeating: "x", count: 1000) + ".service\n")
        #expect(long.unit == String(repeating: "x", count: 255))
        var generator = SystemRandomNumberGenerator()
        let whole = Array("1:name=systemd:/a.service/b.scope\n0::/docker/\(id) (deleted)\n".utf8)
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...10, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
            _ = ControlGroup(bytes.span)
        }
    }
}
