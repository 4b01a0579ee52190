import { CallNotice, isShown } from './call-notice';
import { CallEnded, CallState } from './schema';
import { IContext } from './tokens';

/** Show where calls stand that another page has begun, or this one before it was loaded anew. */
export async function adopt(context: IContext, calls: ReadonlyArray<CallState>): Promise<void> {
  const { client, project } = context;
  const notices = new Map(
    calls.filter(({ request }) => !isShown(request)).map(call => [call.request, noticed(context, call)])
  );
  if (notices.size === 0) {
    return;
  }
  const onEnded = (_: unknown, ended: CallEnded) => {
    const notice = notices.get(ended.request);
    notices.delete(ended.request);
    if (ended.code === null) {
      notice?.done(context.trans.__('nbops %1 is done', ended.verb));
    } else {
      notice?.refused({ ...ended, code: ended.code });
    }
    if (notices.size === 0) {
      project.ended.disconnect(onEnded);
    }
  };
  project.ended.connect(onEnded);
  // Those that ended before anybody listened.
  const state = await client.call('project', {}, { project: project.path });
  const goOn = new Set(state.calls.map(call => call.request));
  for (const { request, verb } of calls.filter(call => !goOn.has(call.request))) {
    onEnded(null, { root: state.root, request, verb, code: null, detail: '', hint: null });
  }
}

function noticed(context: IContext, call: CallState): CallNotice {
  const notice = new CallNotice(context, call.request, context.trans.__('nbops %1 goes on', call.verb));
  notice.tell(call);
  return notice;
}
