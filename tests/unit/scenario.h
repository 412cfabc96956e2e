/* scenario.h: case studies of Raft, told in a little language and played in a box of cores.
 *
 * A scenario is a file of lines; a line is a command and its words, '#' begins a comment. Nodes are
 * n1, n2, …; "all" or "*" stands for every node; durations are 400ms or 2s. Nothing happens by
 * itself: messages wait until they are delivered, writes until they are persisted, timers until a
 * tick. The box's safety checks (raft_box.h) hold after every line.
 *
 *   nodes COUNT                 a cluster, all nodes down
 *   set SETTING NUMBER          before start: inflight_max append_bytes_max tail_bytes_max
 *                               election_us disk_stall_us promise_max_us
 *   add NODE                    the next one, empty: it waits until a leader speaks to it; down
 *   log NODE TERM…              before start: the node's disk has entries of these terms
 *   forge NODE TERM BODY        the same with this body (equal places may differ then)
 *   term NODE TERM              before start: its hard state
 *   start [NODE]                (all of them); "restart" is another word for it
 *   crash NODE                  loses what is not durable
 *   forget NODE COUNT           after that: the disk keeps so many entries, durable or not
 *   damage NODE COUNT           the same, and the node knows
 *   lose-vote NODE              after a crash: its hard state is gone, and the node knows
 *   campaign NODE               the clock runs to its election deadline, then it ticks
 *   tick NODE [DURATION]        the clock runs, then this node's timers
 *   time DURATION               only the clock
 *   jump NODE DURATION          its own clock jumps ahead
 *   stall NODE, unstall NODE    "settle" and "run" complete none of its writes
 *   hold NODE [silent]          it is inside one long turn: "settle" and "run" give it nothing, and
 *                               in "run" its watchdog says that it is busy, for 5 s at most;
 *                               silent: the whole process stands still
 *   release NODE                the turn ends
 *   run DURATION                an untroubled cluster: ticks, deliveries, writes
 *   deliver FROM TO [TYPE]      what is on the way now; "deliver all"
 *   drop FROM TO [TYPE]
 *   duplicate FROM TO [TYPE]    a second copy, behind all others
 *   persist NODE [COUNT]        completes its open writes, or the oldest COUNT
 *   written NODE                part of its oldest open write is done
 *   fetch NODE                  answers what it asks from its segments
 *   settle                      delivers, persists, fetches and installs until nothing moves
 *   cut NODE NODE, mend NODE NODE, isolate NODE, join NODE
 *   mute NODE NODE              what the first one sends to the second one is lost; "mend" ends it
 *   propose NODE BODY…          one entry each
 *   read NODE CONTEXT [confirm]
 *   notify NODE NODE, connected NODE NODE
 *   transfer NODE NODE|any [DURATION], keep NODE
 *   unfit NODE priority|full|stops|no
 *   resign NODE
 *   timing NODE HEARTBEAT ELECTION    durations
 *   change NODE MEMBER…         to these members: n1 votes, n4l learns, n4p learns and is to be
 *                               promoted, n4p/n2 takes the place of n2 then
 *   snapshot NODE               of what it has applied
 *   compact NODE INDEX          cuts its log up to there
 *   install NODE                the snapshot that it wants; "receive": crashes before it is said
 *   fail-fetch NODE [INDEX]     as if the segment could not be read: just now, or from then on at
 *                               this index
 *   expect NODE role ROLE       follower, pre-candidate, candidate, leader, down
 *   expect NODE term|commit|last|persisted|voted|inflight|base|snapshot|wants NUMBER (inflight: of
 *                               all its peers; wants: index of the snapshot, 0: none)
 *   expect NODE members TEXT…   as members_print() tells them
 *   expect NODE refused NAME    (raft.h): what it last answered to change or transfer
 *   expect NODE standing voter|learner|outside
 *   expect NODE peer NODE probe|replicate|snapshot|none
 *   expect NODE transfer NODE|none
 *   expect NODE cause NAME [NODE]     (raft.h): why its role, leader or transfer last changed
 *   expect elections COUNT      in the whole cluster, so far
 *   expect NODE leader NODE|none
 *   expect NODE log TERM…       the whole log
 *   expect NODE entry INDEX BODY
 *   expect NODE tail INDEX      the first entry in memory
 *   expect NODE lease|damaged|vote-lost|diverged|removed yes|no
 *   expect NODE writes COUNT    open persist requests
 *   expect NODE lapse NODE ACKNOWLEDGED KEPT    the last that it noticed, or "none"
 *   expect NODE held TYPE COUNT messages that wait for a write
 *   expect read CONTEXT waiting|refused|granted [INDEX]
 *   expect letters FROM TO TYPE COUNT
 *   trace on|off                prints every message
 *   breaks MISTAKE              (planted.h): with it the scenario has to fail: the runner checks
 */
#pragma once

#include "base/buffer.h"

/* Plays one file with these mistakes planted. Empty `failure`: all was as expected. `breaks` gets
 * the bits of the mistakes that the file names; may be NULL. */
void scenario_run(const char *path, uint32_t planted, struct buffer *failure, uint32_t *breaks);
