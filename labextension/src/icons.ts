import { LabIcon } from '@jupyterlab/ui-components';

import nbopsSvg from '../style/icons/nbops.svg';

export const nbopsIcon = new LabIcon({ name: 'nbops:nbops', svgstr: nbopsSvg });
