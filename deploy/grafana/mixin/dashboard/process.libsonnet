function(g, q) {
  title: 'The process',
  panels: [
    g.timeseries('CPU', 'Cores in use.', 'short', [
      g.target(q.of_each(q.rate(q.of_pgsteer('process_cpu_seconds_total'))), '{{pgsteer}}'),
    ], 6),
    g.timeseries('Memory', 'Resident memory.', 'bytes', [
      g.target(q.of_each(q.of_pgsteer('process_resident_memory_bytes')), '{{pgsteer}}'),
    ], 6),
    g.timeseries('File descriptors', 'Open ones, and how many there may be.', 'short', [
      g.target(q.of_each(q.of_pgsteer('process_open_fds')), '{{pgsteer}} open'),
      g.target(q.of_each(q.of_pgsteer('process_max_fds')), '{{pgsteer}} at most'),
    ], 6),
    g.timeseries('Up for', 'Since the start of the process.', 's', [
      g.target(q.of_each('time() - %s' % q.of_pgsteer('pgsteer_start_time_seconds')), '{{pgsteer}}'),
    ], 6),
    g.timeseries('Sessions by worker', 'How evenly the workers are used, over all pgsteers.', 'short', [
      g.target(q.sum('worker', q.of_pgsteer('pgsteer_worker_sessions')), 'worker {{worker}}'),
    ], 6),
    g.timeseries('Wake-ups of the relay', 'Of all workers; and, with relay.spin, how often they polled first.', 'ops', [
      g.target('sum(%s)' % q.rate(q.of_pgsteer('pgsteer_relay_turns_total')), 'wake-ups'),
      g.target('sum(%s)' % q.rate(q.of_pgsteer('pgsteer_relay_spins_total')), 'polled'),
      g.target('sum(%s)' % q.rate(q.of_pgsteer('pgsteer_relay_vain_spins_total')), 'polled in vain'),
    ], 6),
    g.timeseries('Lost log lines', 'Dropped because nobody read the log in time.', 'short', [
      g.target(q.of_each('increase(%s[$__rate_interval])' % q.of_pgsteer('pgsteer_log_lines_lost_total')), '{{pgsteer}}'),
    ], 6) + g.bars,
    g.table('Versions', 'What each pgsteer runs.', 'short', [
      g.row_of_table(q.named(q.max('namespace, job, pod, instance, version', q.of_pgsteer('pgsteer_build_info'))), '{{pgsteer}} {{version}}'),
    ], [['pgsteer', 'pgsteer'], ['version', 'version']], 6),
    g.state_timeline('Configuration', 'Whether the configuration file could be taken in the last time that it was to be. If not, the one before is in force.', [
      g.target(q.of_each(q.of_pgsteer('pgsteer_config_last_reload_successful')), '{{pgsteer}}'),
    ], [['0', 'refused', 'red'], ['1', 'in force', 'green']], 8),
    g.timeseries('Reloads of the configuration', 'By what became of them, over all pgsteers: applied, or the file was invalid, or what it says was impossible there.', 'short', [
      g.target('sum by (result) (increase(%s[$__rate_interval]))' % q.of_pgsteer('pgsteer_config_reloads_total'), '{{result}}'),
    ]) + g.bars,
    g.timeseries('Configuration in force for', 'Since it was taken in, at the start or later.', 's', [
      g.target(q.of_each('time() - %s' % q.of_pgsteer('pgsteer_config_last_reload_success_timestamp_seconds')), '{{pgsteer}}'),
    ]),
  ],
}
