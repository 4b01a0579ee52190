import { act } from '../act';
import { statusWords } from '../parts/words';
import { IContext } from '../tokens';
import { commandOn } from './arguments';
import { ICommand } from './command';
import { isSure } from './confirm';

const about = (context: IContext) => context.trans.__('Name of the endpoint');

export function openEndpoint(context: IContext): ICommand {
  return commandOn(context, 'endpoint', {
    id: 'nbops:open-endpoint',
    about: about(context),
    execute: async endpoint => (await import('../documents')).openEndpointDocument(context, endpoint)
  });
}

export function monitorEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'endpoint', {
    id: 'nbops:monitor-endpoint',
    about: about(context),
    execute: endpoint =>
      act(
        context,
        'monitor',
        { endpoint },
        {
          doing: trans.__('Measuring %1', endpoint),
          done: window =>
            trans.__('%1: %2 over %3 rows', endpoint, statusWords(window.verdict, trans), window.rows)
        }
      )
  });
}

export function rollbackEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'endpoint', {
    id: 'nbops:rollback-endpoint',
    about: about(context),
    execute: async endpoint => {
      const question = {
        title: trans.__('Roll back %1?', endpoint),
        body: trans.__('What answered before the last deploy takes all of its traffic again.'),
        accept: trans.__('Roll Back')
      };
      if (await isSure(context, question)) {
        await act(
          context,
          'rollback',
          { name: endpoint },
          {
            doing: trans.__('Rolling back %1', endpoint),
            done: () => trans.__('%1 answers as before the last deploy', endpoint)
          }
        );
      }
    }
  });
}

export function stopEndpoint(context: IContext): ICommand {
  const { trans } = context;
  return commandOn(context, 'endpoint', {
    id: 'nbops:stop-endpoint',
    about: about(context),
    execute: async endpoint => {
      const question = {
        title: trans.__('Stop %1?', endpoint),
        body: trans.__('Nobody gets an answer there any more. Its records and logs stay.'),
        accept: trans.__('Stop')
      };
      if (await isSure(context, question)) {
        await act(
          context,
          'stop',
          { endpoint },
          { doing: trans.__('Stopping %1', endpoint), done: () => trans.__('%1 is stopped', endpoint) }
        );
      }
    }
  });
}
