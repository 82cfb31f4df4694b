"""The files of prepared targets as an Ansible playbook: run twice, the second run changes nothing.

Pure text. One folder serves many targets: `inventory/` holds a file per host, `files/` what is copied there. Names obey
a grammar without quotes or braces, so that no template and no YAML is broken by one (attacks.md row 12).
"""

import json
from collections.abc import Mapping

from quarterdeck.access.target_setup import MAIN_CONFIG, REVOKED
from quarterdeck.kernel.decision import require_that
from quarterdeck.kernel.names import is_account, is_address, is_port, is_watched_root

PLAYBOOK = "prepare.yml"


def ansible_files(
    files: Mapping[str, str],
    *,
    hostname: str,
    address: str,
    port: int,
    login: str,
    main_config: str = MAIN_CONFIG,
    pid_file: str = "",
    revoked: bytes = b"",
) -> dict[str, bytes]:
    """Return relative path -> content of the playbook's folder for one target; other targets' files stay beside it.

    `files` is what `target_files` made; `login` is the administrator whom Ansible logs in as, before or after.
    """
    _may_write(address, port, login, main_config, pid_file)
    drop_in = next(path for path in files if path.endswith(".conf"))
    kept = {f"files/{hostname}{path}": text.encode() for path, text in files.items()}
    kept |= {name: revoked for name in kept if name.endswith(f"/{REVOKED}") and revoked}
    host = {
        "ansible_host": address,
        "ansible_port": port,
        "ansible_user": login,
        "quarterdeck_main_config": main_config,
        "quarterdeck_drop_in": drop_in,
        "quarterdeck_files": [path for path in files if path != drop_in],
        "quarterdeck_pid_file": pid_file,
    }
    inventory = {"quarterdeck_targets": {"hosts": {hostname: host}}}
    return {
        PLAYBOOK: _PLAYBOOK.encode(),
        # JSON is YAML; written so, no value can be read as anything but what it is.
        f"inventory/{hostname}.yml": (json.dumps(inventory, indent=2) + "\n").encode(),
        **kept,
    }


def _may_write(address: str, port: int, login: str, main_config: str, pid_file: str) -> None:
    fine = (
        is_address(address)
        and is_port(port)
        and is_account(login)
        and is_watched_root(main_config)
        and (not pid_file or is_watched_root(pid_file))
    )
    require_that(
        fine,
        "target.bad_name",
        "Address, port, login or a path holds what cannot stand in a playbook.",
        "Correct it in the inventory or on the command line.",
    ).require()


_PLAYBOOK = """\
# Made by Quarterdeck (qd gate target-setup --ansible). Remote access only through the gate.
# Run:          ansible-playbook -i inventory prepare.yml
# Only the list of what was taken back, renewed by qd gate krl:  add  --tags krl
- name: Prepare maintenance targets of Quarterdeck
  hosts: quarterdeck_targets
  become: true
  gather_facts: false
  tasks:
    - name: Folders of keys and principals
      ansible.builtin.file:
        path: "{{ item }}"
        state: directory
        owner: root
        mode: "0755"
      loop: "{{ (quarterdeck_files + [quarterdeck_drop_in]) | map('dirname') | unique | list }}"
      tags: [krl]

    - name: Authority, principals, host certificate, revocation list
      ansible.builtin.copy:
        src: "files/{{ inventory_hostname }}{{ item }}"
        dest: "{{ item }}"
        owner: root
        mode: "0644"
      loop: "{{ quarterdeck_files }}"
      notify: Reload sshd

    - name: The revocation list alone
      ansible.builtin.copy:
        src: "files/{{ inventory_hostname }}{{ item }}"
        dest: "{{ item }}"
        owner: root
        mode: "0644"
      loop: "{{ quarterdeck_files | select('search', '/revoked_keys$') | list }}"
      tags: [krl, never]

    - name: Settings of sshd, tested before sshd is told
      block:
        - name: The drop-in
          ansible.builtin.copy:
            src: "files/{{ inventory_hostname }}{{ quarterdeck_drop_in }}"
            dest: "{{ quarterdeck_drop_in }}"
            owner: root
            mode: "0644"
            backup: true
          register: quarterdeck_drop_in_written
          notify: Reload sshd

        - name: The drop-in is read first, since sshd keeps the first value that it reads
          ansible.builtin.blockinfile:
            path: "{{ quarterdeck_main_config }}"
            insertbefore: BOF
            marker: "# {mark} Quarterdeck"
            block: "Include {{ quarterdeck_drop_in }}"
            backup: true
          notify: Reload sshd

        - name: Test the configuration
          ansible.builtin.command:
            argv: [/usr/sbin/sshd, -t, -f, "{{ quarterdeck_main_config }}"]
          changed_when: false
      rescue:
        - name: Put back the drop-in of before
          ansible.builtin.copy:
            src: "{{ quarterdeck_drop_in_written.backup_file }}"
            dest: "{{ quarterdeck_drop_in }}"
            remote_src: true
            mode: "0644"
          when: quarterdeck_drop_in_written.backup_file is defined

        - name: Or take the new one away
          ansible.builtin.file:
            path: "{{ quarterdeck_drop_in }}"
            state: absent
          when: quarterdeck_drop_in_written.backup_file is not defined

        - name: Say so
          ansible.builtin.fail:
            msg: The new configuration is not valid. What was there before was put back; sshd was not touched.

  handlers:
    - name: Reload sshd
      ansible.builtin.shell: |
        if [ -n "{{ quarterdeck_pid_file }}" ]; then
            kill -HUP "$(cat {{ quarterdeck_pid_file | quote }})"
        elif command -v systemctl > /dev/null && [ -d /run/systemd/system ]; then
            systemctl reload ssh 2> /dev/null || systemctl reload sshd
        else
            pid=$(cat /run/sshd.pid 2> /dev/null || true)
            [ -z "$pid" ] || kill -HUP "$pid"
        fi
      changed_when: true
"""
